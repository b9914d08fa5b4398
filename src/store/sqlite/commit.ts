import type { Database } from "better-sqlite3";
import type { Clock } from "../../core/clock.js";
import type { Batch, BatchResult } from "../../core/store.js";
import { BatchWriter } from "./batch.js";
import { isConstraint } from "./failure.js";
import { Refusal } from "./refusal.js";

/**
 * Writes batches, all of a call in one transaction. What is usual costs nothing extra: the batches are
 * written one after another, and only when one is refused after it has begun to write is everything rolled
 * back and written again, each batch in a savepoint of its own.
 */
export class CommitWriter {
  readonly #clock: Clock;
  readonly #batches: BatchWriter;
  readonly #begin;
  readonly #commit;
  readonly #rollback;
  readonly #savepoint;
  readonly #release;
  readonly #undo;

  constructor(
    readonly db: Database,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.#batches = new BatchWriter(db);
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#rollback = db.prepare("ROLLBACK");
    this.#savepoint = db.prepare("SAVEPOINT batch");
    this.#release = db.prepare("RELEASE batch");
    this.#undo = db.prepare("ROLLBACK TO batch");
  }

  /**
   * Returns what became of each batch. Throws, with nothing written and every position in the batches back
   * at 0, when the database cannot write.
   */
  commit(batches: readonly Batch[]): BatchResult[] {
    if (batches.length === 0) return [];
    const now = this.#clock.now();
    try {
      return this.#transaction(() => batches.map((batch) => this.#batches.write(batch, now)));
    } catch (error) {
      for (const batch of batches) this.#batches.reset(batch);
      if (!toResult(error)) throw error;
    }
    try {
      return this.#transaction(() => batches.map((batch) => this.#writeAlone(batch, now)));
    } catch (error) {
      for (const batch of batches) this.#batches.reset(batch);
      throw error;
    }
  }

  /** Writes one batch so that it can be taken back without the others. */
  #writeAlone(batch: Batch, now: number): BatchResult {
    this.#savepoint.run();
    try {
      const result = this.#batches.write(batch, now);
      this.#release.run();
      return result;
    } catch (error) {
      const result = toResult(error);
      if (!result) throw error;
      this.#undo.run();
      this.#release.run();
      this.#batches.reset(batch);
      return result;
    }
  }

  #transaction<T>(work: () => T): T {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      // After some failures SQLite has rolled back by itself.
      if (this.db.inTransaction) this.#rollback.run();
      throw error;
    }
  }
}

/** Why a batch is refused; undefined for a failure that is not the batch's. */
function toResult(error: unknown): BatchResult | undefined {
  if (error instanceof Refusal) return error.result;
  return isConstraint(error) ? "conflict" : undefined;
}
