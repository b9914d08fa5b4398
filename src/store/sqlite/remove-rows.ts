import type { Database } from "better-sqlite3";

/** What a transaction may still remove. */
export interface Room {
  rows: number;
  bytes: number;
}

/** Removes the oldest rows of a deleted session, and takes them from the room. False when it is used up. */
export type Remove = (sessionKey: number, room: Room) => boolean;

/** Little enough for the event loop, and for others who wait to write: deleted bytes are overwritten. */
export const chunkRoom = (): Room => ({ rows: 2000, bytes: 1024 * 1024 });

const detailsBytes = `coalesce(
  (SELECT length(input) + length(agent) FROM run_details WHERE run_key = runs.key), 0)`;

/** The tables with rows of sessions, those that others point to last. */
export function rowsOfSessions(db: Database): readonly Remove[] {
  return [
    rowsOf(db, "approvals", "key", "length(data)"),
    rowsOf(db, "elicitations", "key", "length(data)"),
    rowsOf(db, "usage", "key", "length(model)"),
    rowsOf(db, "runs", "key", `length(data) + ${detailsBytes}`),
    rowsOf(db, "messages", "position", "length(data)"),
    rowsOf(db, "events", "seq", "length(data)"),
  ];
}

/** @param order the column that tells the rows of a session apart */
function rowsOf(db: Database, table: string, order: string, bytes: string): Remove {
  const oldest = db
    .prepare<[number, number], [number, number]>(
      `SELECT ${order}, ${bytes} FROM ${table} WHERE session_key = ? ORDER BY ${order} LIMIT ?`,
    )
    .raw();
  const remove = db.prepare<[number, number]>(`DELETE FROM ${table} WHERE session_key = ? AND ${order} <= ?`);
  return (sessionKey, room) => {
    let last: number | undefined;
    for (const [at, size] of oldest.iterate(sessionKey, Math.max(room.rows, 0))) {
      last = at;
      room.rows -= 1;
      room.bytes -= size;
      if (room.bytes <= 0) break;
    }
    if (last !== undefined) remove.run(sessionKey, last);
    return room.rows > 0 && room.bytes > 0;
  };
}
