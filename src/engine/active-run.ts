import type { Failure } from "../../gen/agentry/v1/error_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import { Fault } from "../core/fault.js";
import type { CloseReason } from "./close-run.js";
import { closedByCancel, closedByFault, closedByRestart, closeOpenItems } from "./close-run.js";
import { toFailure } from "./failure.js";
import type { RunTools, RunWork } from "./run-loop.js";
import { runLoop } from "./run-loop.js";
import type { RunWriter } from "./run-writer.js";
import { Refused } from "./session-log.js";

/** Who stopped a run before its end. */
type Stop = "cancel" | "shutdown" | "trouble" | "lost";

/** How a run is closed. */
export interface Closing {
  readonly outcome: RunOutcome;
  readonly failure?: Failure | undefined;
  /** What is said of items that are still open. */
  readonly reason: CloseReason;
}

/** A run that works. It closes itself: its log is whole when `done` settles, unless it was `refused`. */
export class ActiveRun {
  readonly #controller = new AbortController();
  readonly done: Promise<void>;
  /** Settles when what the run writes cannot be stored. */
  readonly troubled: Promise<Fault>;
  readonly #troubled = Promise.withResolvers<Fault>();
  #stop: Stop | undefined;
  #trouble: Fault | undefined;

  constructor(
    tools: RunTools,
    readonly work: RunWork,
    /** Told of faults that nobody understands. */
    private readonly onBug: (error: unknown) => void,
  ) {
    this.troubled = this.#troubled.promise;
    this.done = this.#run(tools);
  }

  get writer(): RunWriter {
    return this.work.writer;
  }

  /** True when another writer has taken the session: nothing here may write to it any more. */
  get lost(): boolean {
    return this.#stop === "lost";
  }

  /** What it wrote was refused: it has not closed itself, and is to be closed from what its log holds. */
  get refused(): Fault | undefined {
    return this.#trouble instanceof Refused ? this.#trouble : undefined;
  }

  /** Asks the run to stop. Confirmed by its last event; after that it changes nothing. */
  cancel(): void {
    if (this.#stop || this.writer.progress.finished) return;
    this.#stop = "cancel";
    this.writer.append([
      this.writer.event({ case: "cancelRequested", value: {} }),
      this.writer.state(RunState.CANCELING),
    ]);
    this.#controller.abort();
    this.work.children.stop("cancel");
  }

  /** Stops the run because the server stops: it ends as interrupted. */
  interrupt(): void {
    this.#end("shutdown");
  }

  /** Ends a run whose beginning was not stored: there is none, and nothing of it may be written. */
  abandon(): void {
    this.#end("lost");
  }

  /** Stops the run because what it writes cannot be stored. */
  fail(fault: Fault): void {
    if (!this.refused) this.#trouble = fault;
    this.#troubled.resolve(fault);
    this.#end(fault.reason === "canceled" ? "lost" : "trouble");
  }

  #end(stop: Stop): void {
    if (this.#stop === "lost" || (this.#stop && stop !== "lost")) return;
    this.#stop = stop;
    this.#controller.abort();
    this.work.children.stop(stop === "shutdown" ? "interrupt" : "cancel");
  }

  async #run(tools: RunTools): Promise<void> {
    const closing = await this.#work(tools);
    // Another writer holds the session: the rest of the log is its own.
    if (this.#stop === "lost" || this.refused) return;
    const { writer } = this;
    writer.append([
      ...closeOpenItems(writer, closing.reason),
      ...writer.finish(closing.outcome, closing.failure),
    ]);
    await writer.log.durable();
  }

  async #work(tools: RunTools): Promise<Closing> {
    try {
      const outcome = await runLoop(tools, this.work, this.#controller.signal);
      return { outcome, reason: closedByFault };
    } catch (error) {
      return this.#closing(error);
    }
  }

  #closing(error: unknown): Closing {
    switch (this.#stop) {
      case "cancel":
        return { outcome: RunOutcome.CANCELED, reason: closedByCancel };
      case "shutdown":
        return { outcome: RunOutcome.INTERRUPTED, reason: closedByRestart };
      case "trouble":
      case "lost":
      case undefined: {
        const fault = this.#trouble ?? Fault.from(error);
        if (fault.reason === "internal") this.onBug(this.#trouble ?? error);
        return { outcome: RunOutcome.FAILED, failure: toFailure(fault), reason: closedByFault };
      }
      default:
        return this.#stop satisfies never;
    }
  }
}
