import type { Database } from "better-sqlite3";
import type { Event } from "../../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../../gen/agentry/v1/event_pb.js";
import { DeltaEncoder } from "./delta-encoder.js";
import { encode } from "./encode.js";
import type { SessionHead } from "./session-row.js";

interface RunStart {
  readonly key: number;
  readonly events_from: number;
}

const columns = 4;
/** A statement of many rows costs each of them half of what a statement of its own would. */
const rowsAtOnce = 16;

const insertRows = (rows: number): string =>
  `INSERT INTO events (session_key, seq, run_key, data) VALUES ${Array(rows).fill("(?, ?, ?, ?)").join(", ")}`;

/** Appends events that have their seq. */
export class EventWriter {
  readonly #insertOne;
  readonly #insertMany;
  readonly #run;
  readonly #begin;
  readonly #deltas = new DeltaEncoder();
  /** The run that was written last: most batches are of one run. */
  #last: { readonly runId: string; readonly sessionKey: number; readonly key: number } | undefined;

  constructor(db: Database) {
    this.#insertOne = db.prepare(insertRows(1));
    this.#insertMany = db.prepare(insertRows(rowsAtOnce));
    this.#run = db.prepare<[string, number], RunStart>(
      "SELECT key, events_from FROM runs WHERE id = ? AND session_key = ?",
    );
    this.#begin = db.prepare<[number, number]>("UPDATE runs SET events_from = ? WHERE key = ?");
  }

  /** Appends the events of one batch, in order. */
  write({ key }: SessionHead, events: readonly Event[]): void {
    let runId = "";
    let runKey: number | null = null;
    let values: unknown[] = [];
    // A batch before this one may have broken off.
    this.#deltas.rewind();
    for (const event of events) {
      if (event.runId !== runId) {
        runId = event.runId;
        runKey = this.#begun(key, event);
      }
      values.push(key, event.seq, runKey, this.#deltas.encode(event) ?? encode(EventSchema, event));
      if (values.length < columns * rowsAtOnce) continue;
      this.#insertMany.run(values);
      this.#deltas.rewind();
      values = [];
    }
    for (let at = 0; at < values.length; at += columns) this.#insertOne.run(values.slice(at, at + columns));
    this.#deltas.rewind();
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
