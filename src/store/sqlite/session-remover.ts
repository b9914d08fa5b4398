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
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    this.#removeLeftovers();
  }

  /** Settles when nothing of the session is left. False when there is none with this id. */
  async remove(id: string): Promise<boolean> {
    const key = await attempt(() => this.#hide(id));
    if (key === undefined) return false;
    await this.#purge(key);
    return true;
  }

  #hide(id: string): number | undefined {
    const hide = this.#db
      .prepare<[string], number>("UPDATE sessions SET id = NULL WHERE id = ? RETURNING key")
      .pluck();
    // Runs and questions are found by their own ids too: they go at once, with what hangs on them.
    const tables = ["approvals", "elicitations", "runs", "usage"];
    return this.#db
      .transaction(() => {
        const key = hide.get(id);
        if (key === undefined) return undefined;
        for (const table of tables) this.#db.prepare(`DELETE FROM ${table} WHERE session_key = ?`).run(key);
        return key;
      })
      .immediate();
  }

  async #purge(key: number): Promise<void> {
    for (const [table, column] of [
      ["events", "seq"],
      ["messages", "position"],
    ]) {
      const remove = this.#db.prepare<[number, number, number]>(
        `DELETE FROM ${table} WHERE session_key = ? AND ${column} IN
          (SELECT ${column} FROM ${table} WHERE session_key = ? ORDER BY ${column} LIMIT ?)`,
      );
      while (await attempt(() => remove.run(key, key, chunk).changes > 0)) await nextTurn();
    }
    await attempt(() => this.#db.prepare("DELETE FROM sessions WHERE key = ?").run(key));
  }

  #removeLeftovers(): void {
    const keys = this.#db.prepare<[], number>("SELECT key FROM sessions WHERE id IS NULL").pluck().all();
    if (keys.length === 0) return;
    void (async () => {
      for (const key of keys) await this.#purge(key);
    })().catch(() => {
      // The disk is full, or the store was closed meanwhile: the next start tries again.
    });
  }
}
