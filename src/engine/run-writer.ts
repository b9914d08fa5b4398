import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Failure } from "../../gen/agentry/v1/error_pb.js";
import type { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema } from "../../gen/agentry/v1/message_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import { newId } from "../core/id.js";
import type { Write } from "../core/store.js";
import type { Delta } from "./join-delta.js";
import { joinDelta, textOf } from "./join-delta.js";
import { RunProgress } from "./run-progress.js";
import type { SessionLog } from "./session-log.js";

/** What happened, as the init of the event's oneof. */
export type EventBody = NonNullable<MessageInitShape<typeof EventSchema>["body"]>;

/** How many writes wait for one commit when a delta is joined to the one before it. */
const manyWrites = 64;

/** What a run writes with. */
export interface RunHand {
  readonly run: Run;
  readonly log: SessionLog;
  /** The epoch under which this process holds the session. */
  readonly epoch: number;
  stamp(): Timestamp;
  /** The session's messages, to which those of the run are added. */
  readonly messages: Message[];
}

/** The hand of one run in its session's log. Every event of the run is made here. */
export class RunWriter {
  readonly run: Run;
  readonly log: SessionLog;
  readonly epoch: number;
  readonly #hand: RunHand;

  constructor(
    hand: RunHand,
    readonly progress = new RunProgress(),
  ) {
    this.run = hand.run;
    this.log = hand.log;
    this.epoch = hand.epoch;
    this.#hand = hand;
  }

  stamp(): Timestamp {
    return this.#hand.stamp();
  }

  /** Appends an event; it is durable and visible soon, as a rule by the end of this turn of the event loop. */
  emit(body: EventBody): void {
    this.log.append([this.event(body)], this.epoch);
  }

  /**
   * Appends a delta, or joins it to the one before it where many writes wait for the same commit: readers get
   * them all at once then, and a server that is behind has less to write.
   */
  emitDelta(delta: Delta): void {
    const last = this.log.newestOf(manyWrites, this.epoch);
    const joined = last?.type === "event" && last.event.runId === this.run.id && joinDelta(last.event, delta);
    if (joined) this.progress.extend(delta.value.index, textOf(delta));
    else this.emit(delta);
  }

  append(writes: readonly Write[]): void {
    this.log.append(writes, this.epoch);
  }

  /** An event of this run, counted in its progress, to be written by the caller. */
  event(body: EventBody): Write & { type: "event" } {
    const event = create(EventSchema, {
      sessionId: this.run.sessionId,
      runId: this.run.id,
      time: this.stamp(),
      body,
    });
    this.progress.apply(event);
    return { type: "event", event };
  }

  /** A message and the event that tells of it. Its id, session, run and time are set here. */
  message(message: Message): Write[] {
    const stored = create(MessageSchema, {
      ...message,
      id: message.id || newId(),
      sessionId: this.run.sessionId,
      runId: this.run.id,
      createdAt: this.stamp(),
    });
    this.#hand.messages.push(stored);
    return [
      { type: "message", message: stored },
      this.event({ case: "messageAdded", value: { message: stored } }),
    ];
  }

  /** The run row, with its counters and the given state. */
  state(state: RunState): Write {
    this.run.state = state;
    this.run.steps = this.progress.steps;
    this.run.usage = this.progress.usage;
    return { type: "run", run: this.run };
  }

  /** The last event and the finished row. */
  finish(outcome: RunOutcome, failure: Failure | undefined): Write[] {
    const { steps, usage, finalMessage } = this.progress;
    const finished = this.event({
      case: "runFinished",
      value: { outcome, usage, steps, ...(failure && { failure }), ...(finalMessage && { finalMessage }) },
    });
    this.state(RunState.FINISHED);
    this.run.outcome = outcome;
    if (failure) this.run.failure = failure;
    this.run.finishedAt = this.stamp();
    return [finished, { type: "run", run: this.run, last: finished.event }];
  }
}
