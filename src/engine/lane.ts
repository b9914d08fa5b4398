import type { Run } from "../../gen/agentry/v1/run_pb.js";
import type { RunDetails } from "../core/store.js";
import type { ActiveRun } from "./active-run.js";
import type { Delegation, RunOrder } from "./new-run.js";

/** A run that waits for the one before it. */
export interface QueuedRun {
  readonly run: Run;
  readonly details: RunDetails;
  /** The run that its message is for, when it steers; by itself it runs if that one ends first. */
  readonly steers: string | undefined;
  readonly delegation?: Delegation | undefined;
  /** What was asked for, where the session's agent is to answer: the one that it has when the run begins. */
  readonly follows?: Pick<RunOrder, "instructions"> | undefined;
}

/** One session's place to run: one active run, and those that wait. Decisions about it are made one at a time. */
export class Lane {
  active: ActiveRun | undefined;
  /** Settles when the active run has made room. */
  left: Promise<void> = Promise.resolve();
  readonly queue: QueuedRun[] = [];
  /** Ends the compaction that holds the lane's turn, where one does. */
  compaction: AbortController | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #deciding = 0;

  get idle(): boolean {
    return !this.active && this.queue.length === 0 && this.#deciding === 0;
  }

  /** Runs `work` after every decision made before it. */
  async decide<T>(work: () => Promise<T>): Promise<T> {
    this.#deciding += 1;
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      this.#deciding -= 1;
    }
  }
}
