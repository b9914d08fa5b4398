import { fromBinary } from "@bufbuild/protobuf";
import type { Database, Statement } from "better-sqlite3";
import type { Event } from "../../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../../gen/agentry/v1/event_pb.js";
import type { EventRows } from "../../core/store.js";
import { toLimit } from "./cursor.js";
import { attempt } from "./failure.js";

/** The part of a session's events that holds one run's. */
interface Stretch {
  readonly key: number;
  readonly session_key: number;
  readonly events_from: number;
  readonly last_seq: number;
}

/** Above every seq: for a run that has not finished. */
const open = 2 ** 32;

/** The events of a database, for reading. */
export function createEventRows(db: Database): EventRows {
  const ofSession = db
    .prepare<[string, number, number], Uint8Array>(
      `SELECT data FROM events WHERE session_key = (SELECT key FROM sessions WHERE id = ?) AND seq > ?
        ORDER BY seq LIMIT ?`,
    )
    .pluck();
  const stretch = db.prepare<[string, string], Stretch>(
    `SELECT runs.key, session_key, events_from, runs.last_seq FROM runs
      WHERE runs.id = ? AND session_key = (SELECT key FROM sessions WHERE id = ?)`,
  );
  const ofRun = db
    .prepare<[number, number, number, number, number], Uint8Array>(
      `SELECT data FROM events WHERE session_key = ? AND seq >= ? AND seq <= ? AND run_key = ?
        ORDER BY seq LIMIT ?`,
    )
    .pluck();
  return {
    read: ({ sessionId, after, limit, maxBytes, runId }) =>
      attempt(() => {
        if (runId === undefined) return take(ofSession, [sessionId, after, toLimit(limit)], maxBytes);
        const run = stretch.get(runId, sessionId);
        if (!run || run.events_from === 0) return [];
        const from = Math.max(after + 1, run.events_from);
        const to = run.last_seq || open;
        return take(ofRun, [run.session_key, from, to, run.key, toLimit(limit)], maxBytes);
      }),
  };
}

/** Reads events until they have so many bytes; one more than fits where it is the first. */
function take<P extends unknown[]>(query: Statement<P, Uint8Array>, values: P, maxBytes: number): Event[] {
  const events: Event[] = [];
  let bytes = 0;
  for (const data of query.iterate(...values)) {
    bytes += data.byteLength;
    if (bytes > maxBytes && events.length > 0) break;
    events.push(fromBinary(EventSchema, data));
  }
  return events;
}
