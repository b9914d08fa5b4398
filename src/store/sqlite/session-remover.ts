import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "better-sqlite3";
import { attempt } from "./failure.js";

/** Rows that go in one transaction: few enough for the event loop, and for others who wait to write. */
const chunk = 2000;

/**
 * Removes sessions. A session is gone for every reader and writer after the first transaction; its rows
 * follow in small ones, so that a long history does not stop the server. What a crash leaves of them is
 * removed after the next start.
 */
export class SessionRemover {
  readonly #hide;
  readonly #history;
  readonly #session;

  constructor(db: Database) {
    const hide = db
      .prepare<[string], number>("UPDATE sessions SET id = NULL WHERE id = ? RETURNING key")
      .pluck();
    // Runs and questions are found by their own ids too: they go at once, with what hangs on them.
    const found = ["approvals", "elicitations", "runs", "usage"].map((table) =>
      db.prepare<[number]>(`DELETE FROM ${table} WHERE session_key = ?`),
    );
    this.#hide = db.transaction((id: string): number | undefined => {
      const key = hide.get(id);
      if (key !== undefined) for (const statement of found) statement.run(key);
      return key;
    });
    this.#history = [
      { table: "events", column: "seq" },
      { table: "messages", column: "position" },
    ].map(({ table, column }) =>
      db.prepare<[number, number, number]>(
        `DELETE FROM ${table} WHERE session_key = ? AND ${column} IN
          (SELECT ${column} FROM ${table} WHERE session_key = ? ORDER BY ${column} LIMIT ?)`,
      ),
    );
    this.#session = db.prepare<[number]>("DELETE FROM sessions WHERE key = ?");
    const leftovers = db.prepare<[], number>("SELECT key FROM sessions WHERE id IS NULL").pluck().all();
    void this.#removeLeftovers(leftovers);
  }

  /** Settles when nothing of the session is left. False when there is none with this id. */
  async remove(id: string): Promise<boolean> {
    const key = await attempt(() => this.#hide.immediate(id));
    if (key === undefined) return false;
    await this.#purge(key);
    return true;
  }

  async #purge(key: number): Promise<void> {
    for (const statement of this.#history) {
      while (await attempt(() => statement.run(key, key, chunk).changes > 0)) await nextTurn();
    }
    await attempt(() => this.#session.run(key));
  }

  async #removeLeftovers(keys: readonly number[]): Promise<void> {
    try {
      for (const key of keys) await this.#purge(key);
    } catch {
      // The disk is full, or the store was closed meanwhile: the next start tries again.
    }
  }
}
