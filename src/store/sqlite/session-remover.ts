import { setImmediate as nextTurn } from "node:timers/promises";
import type { Database } from "better-sqlite3";
import { attempt } from "./failure.js";
import { chunkRoom, rowsOfSessions } from "./remove-rows.js";

/**
 * Removes sessions. A session is gone for every reader and writer after the first transaction; its rows
 * follow in small ones, so that a long history does not stop the server. What a crash leaves of them is
 * removed after the next start.
 */
export class SessionRemover {
  readonly #hide;
  /** True when there may be more. */
  readonly #chunk;
  #last: Promise<void> = Promise.resolve();

  constructor(db: Database) {
    const hide = db
      .prepare<[string], number>("UPDATE sessions SET id = NULL WHERE id = ? RETURNING key")
      .pluck();
    this.#hide = db.transaction((id: string) => hide.get(id));
    const rows = rowsOfSessions(db);
    const session = db.prepare<[number]>("DELETE FROM sessions WHERE key = ?");
    this.#chunk = db.transaction((key: number): boolean => {
      const room = chunkRoom();
      if (!rows.every((remove) => remove(key, room))) return true;
      session.run(key);
      return false;
    });
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
    do await this.#turn();
    while (await attempt(() => this.#chunk.immediate(key)));
  }

  /** A turn of the event loop for each chunk, of whatever session: many are deleted at once with their parent. */
  #turn(): Promise<void> {
    this.#last = this.#last.then(() => nextTurn());
    return this.#last;
  }

  async #removeLeftovers(keys: readonly number[]): Promise<void> {
    try {
      for (const key of keys) await this.#purge(key);
    } catch {
      // The disk is full, or the store was closed meanwhile: the next start tries again.
    }
  }
}
