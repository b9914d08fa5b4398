import type { Database } from "better-sqlite3";
import type { Write } from "../../core/store.js";
import type { SessionHead } from "./session-row.js";
import { usageColumns, usageValues } from "./usage.js";

/** Counts what model calls used. */
export class UsageWriter {
  readonly #insert;
  readonly #add;

  constructor(db: Database) {
    this.#insert = db.prepare(
      `INSERT INTO usage (session_key, run_key, purpose, model, recorded_at, ${usageColumns})
        VALUES (?, (SELECT key FROM runs WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#add = db.prepare(
      `UPDATE sessions SET input_tokens = input_tokens + ?, output_tokens = output_tokens + ?,
        cache_read_tokens = cache_read_tokens + ?, cache_write_tokens = cache_write_tokens + ?,
        reasoning_tokens = reasoning_tokens + ?, cost_usd = cost_usd + ? WHERE key = ?`,
    );
  }

  /** Records one call, and adds it to the session's total. `now` is in milliseconds. */
  write({ key }: SessionHead, { runId, purpose, model, usage }: UsageWrite, now: number): void {
    const values = usageValues(usage);
    this.#insert.run(key, runId, purpose, model, now, ...values);
    this.#add.run(...values, key);
  }
}

type UsageWrite = Extract<Write, { type: "usage" }>;
