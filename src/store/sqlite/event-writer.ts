import type { Database } from "better-sqlite3";
import type { Event } from "../../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../../gen/agentry/v1/event_pb.js";
import { encode } from "./encode.js";
import type { SessionHead } from "./session-row.js";

interface RunStart {
  readonly key: number;
  readonly events_from: number;
}

/** Appends events that have their seq. */
export class EventWriter {
  readonly #insert;
  readonly #run;
  readonly #begin;
  /** The run that was written last: most batches are of one run. */
  #last: { readonly runId: string; readonly sessionKey: number; readonly key: number } | undefined;

  constructor(db: Database) {
    this.#insert = db.prepare<[number, number, number | null, Uint8Array]>(
      "INSERT INTO events (session_key, seq, run_key, data) VALUES (?, ?, ?, ?)",
    );
    this.#run = db.prepare<[string, number], RunStart>(
      "SELECT key, events_from FROM runs WHERE id = ? AND session_key = ?",
    );
    this.#begin = db.prepare<[number, number]>("UPDATE runs SET events_from = ? WHERE key = ?");
  }

  /** Appends the events of one batch, in order. */
  write({ key }: SessionHead, events: readonly Event[]): void {
    let runId = "";
    let runKey: number | null = null;
    for (const event of events) {
      if (event.runId !== runId) {
        runId = event.runId;
        runKey = this.#begun(key, event);
      }
      this.#insert.run(key, event.seq, runKey, encode(EventSchema, event));
    }
  }

  /** Forgets the run that was written last: what was read of it has been rolled back. */
  forget(): void {
    this.#last = undefined;
  }

  /** The key of the run of an event; notes where its events begin, if this is the first. */
  #begun(sessionKey: number, { runId, seq }: Event): number | null {
    const last = this.#last;
    if (last?.runId === runId && last.sessionKey === sessionKey) return last.key;
    const run = this.#run.get(runId, sessionKey);
    if (run?.events_from === 0) this.#begin.run(seq, run.key);
    if (run) this.#last = { runId, sessionKey, key: run.key };
    return run?.key ?? null;
  }
}
