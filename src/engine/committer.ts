import { setImmediate as afterPoll } from "node:timers";
import { Fault } from "../core/fault.js";
import type { Batch, BatchResult, Store, Write } from "../core/store.js";

/** A batch on its way to the database. */
export interface PendingBatch {
  readonly batch: Batch & { readonly writes: Write[] };
  /** True: a commit that fails gives it up. False: it is kept, and tried again until it is stored. */
  readonly giveUp: boolean;
  /** Set when it has been handed to the store: no write may be added any more. */
  taken: boolean;
  settled(result: BatchResult): void;
  failed(fault: Fault): void;
}

/** Batches of one transaction: so many block the event loop for about 2 ms at most. */
const maxWrites = 1000;
const retryMs = 500;

/** Share of the time that commits take from which they rest, so that each holds more; of the last ten or so. */
const fullLoad = 0.4;
const restMs = 2;

/**
 * Group commit: all batches of one turn of the event loop, of all sessions, become one transaction. The
 * order of batches is kept. What a batch reports through `settled` is durable.
 */
export class Committer {
  readonly #store: Store;
  #pending: PendingBatch[] = [];
  #writes = 0;
  #scheduled = false;
  #flushing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #load = 0;
  #committedAt = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** How many writes wait, of all batches. */
  get writes(): number {
    return this.#writes;
  }

  add(pending: PendingBatch): void {
    this.#pending.push(pending);
    this.#writes += pending.batch.writes.length;
    this.#schedule();
  }

  /** Adds to a batch that waits. */
  extend({ batch }: PendingBatch, writes: readonly Write[]): void {
    for (const write of writes) batch.writes.push(write);
    this.#writes += writes.length;
  }

  /** Commits what is pending without waiting for the end of the turn, unless commits have to rest. */
  flush(): void {
    if (this.#load > fullLoad) this.#schedule();
    else this.#flush();
  }

  #flush(): void {
    if (this.#flushing || this.#retry) return;
    this.#flushing = this.#commitAll().finally(() => {
      this.#flushing = undefined;
      if (this.#pending.length > 0 && !this.#retry) this.#schedule();
    });
  }

  /** Settles when nothing is pending, or after one failed try. */
  async idle(): Promise<void> {
    while (this.#pending.length > 0 || this.#flushing) {
      clearTimeout(this.#retry);
      this.#retry = undefined;
      this.#flush();
      await this.#flushing;
      if (this.#retry) return;
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing || this.#retry) return;
    this.#scheduled = true;
    const flush = () => {
      this.#scheduled = false;
      this.#flush();
    };
    if (this.#load > fullLoad) setTimeout(flush, restMs);
    else afterPoll(flush);
  }

  async #commitAll(): Promise<void> {
    const taken = this.#take();
    if (taken.length === 0) return;
    try {
      const results = await this.#commit(taken.map((pending) => pending.batch));
      for (const [i, pending] of taken.entries()) pending.settled(results[i] ?? "missing");
    } catch (error) {
      const fault = Fault.from(error);
      if (fault.reason === "internal") await this.#commitEach(taken);
      else this.#failed(taken, fault);
    }
  }

  /** Hands over to the store, and measures the share of the time for which it holds everything else up. */
  #commit(batches: readonly Batch[]): Promise<BatchResult[]> {
    const from = performance.now();
    const committed = this.#store.commit(batches);
    const now = performance.now();
    this.#load += 0.1 * ((now - from) / (now - this.#committedAt) - this.#load);
    this.#committedAt = now;
    return committed;
  }

  /**
   * Something in these cannot be written, which no later try would change: each is committed alone, so that only
   * that one is refused.
   */
  async #commitEach(taken: PendingBatch[]): Promise<void> {
    for (const [i, pending] of taken.entries()) {
      try {
        const [result] = await this.#commit([pending.batch]);
        pending.settled(result ?? "missing");
      } catch (error) {
        const fault = Fault.from(error);
        if (fault.reason !== "internal") return this.#failed(taken.slice(i), fault);
        if (pending.giveUp) pending.failed(fault);
        else pending.settled("conflict");
      }
    }
  }

  #take(): PendingBatch[] {
    let writes = 0;
    let count = 0;
    for (const pending of this.#pending) {
      writes += pending.batch.writes.length;
      if (count > 0 && writes > maxWrites) break;
      count += 1;
    }
    const taken = this.#pending.slice(0, count);
    this.#pending = this.#pending.slice(count);
    this.#count();
    for (const pending of taken) pending.taken = true;
    return taken;
  }

  #failed(taken: PendingBatch[], fault: Fault): void {
    // Those who would give up are told at once, also when their turn had not come.
    const waiting = [...taken, ...this.#pending.filter((pending) => pending.giveUp)];
    this.#pending = [...taken, ...this.#pending].filter((pending) => !pending.giveUp);
    this.#count();
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.flush();
    }, retryMs);
    for (const pending of waiting) pending.failed(fault);
  }

  #count(): void {
    this.#writes = this.#pending.reduce((sum, { batch }) => sum + batch.writes.length, 0);
  }
}
