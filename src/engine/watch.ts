import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { Role } from "../../gen/agentry/v1/message_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import { notFound } from "../core/fault.js";
import type { Store } from "../core/store.js";
import type { ReadOptions } from "./session-log.js";
import type { SessionLogs } from "./session-logs.js";

/** Follows logs. Readers own nothing: any number may follow one run, and leave when they like. */
export class Watch {
  constructor(
    private readonly store: Store,
    private readonly logs: SessionLogs,
  ) {}

  /**
   * A run's events after a position, in pages, until it has finished. A run whose message was given to the one
   * before it has none.
   * @throws Fault `not_found`; `out_of_range` for a position that the session has never had.
   */
  async *runPages(runId: string, after: number, signal: AbortSignal): AsyncGenerator<readonly Event[], void> {
    const sessionId = (await this.#get(runId)).sessionId;
    const held = await this.logs.hold(sessionId);
    try {
      const { position } = held.log;
      // Read after the position: the events of a run that has none by now come after it.
      const run = await this.#get(runId);
      if (run.state === RunState.FINISHED && after >= run.lastSeq && after <= position) return;
      const start = run.firstSeq > 0 ? run.firstSeq - 1 : position;
      const options: ReadOptions = { after: Math.max(after, start), follow: true };
      for await (const page of held.log.pages(options, signal)) {
        const own = page.filter((event) => event.runId === runId);
        if (own.length > 0) yield own;
        if (own.at(-1)?.body.case === "runFinished") return;
        if (run.firstSeq === 0 && page.some(isInput) && (await this.#wasTaken(runId))) return;
      }
    } finally {
      held.release();
    }
  }

  /** A session's events after a position, in pages, across runs. @throws as `runPages`. */
  async *sessionPages(
    sessionId: string,
    options: ReadOptions,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Event[], void> {
    const held = await this.logs.hold(sessionId);
    try {
      yield* held.log.pages(options, signal);
    } finally {
      held.release();
    }
  }

  /** Whether the message of a run that never began was given to another one. */
  async #wasTaken(runId: string): Promise<boolean> {
    const { state, firstSeq } = await this.#get(runId);
    return state === RunState.FINISHED && firstSeq === 0;
  }

  async #get(runId: string): Promise<Run> {
    const run = await this.store.runs.get(runId);
    if (!run) throw notFound("run", runId);
    return run;
  }
}

function isInput({ body }: Event): boolean {
  return body.case === "messageAdded" && body.value.message?.role === Role.USER;
}
