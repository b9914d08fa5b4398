import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import type { Session } from "../../../gen/agentry/v1/sessions_pb.js";
import { SessionSchema } from "../../../gen/agentry/v1/sessions_pb.js";
import type { Clock } from "../../core/clock.js";
import type { SessionRows } from "../../core/store.js";
import { readPage } from "./cursor.js";
import { attempt } from "./failure.js";
import { SessionRemover } from "./session-remover.js";
import type { SessionRow } from "./session-row.js";
import { sessionColumns, toMs, toSession } from "./session-row.js";
import { usageColumns, usageValues } from "./usage.js";

/** The sessions of a database. */
export function createSessionRows(db: Database, clock: Clock): SessionRows {
  const remover = new SessionRemover(db);
  const insert = db.prepare(
    `INSERT INTO sessions (id, parent_id, title, updated_at, data, ${usageColumns})
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const get = db.prepare<[string], SessionRow>(`SELECT ${sessionColumns} FROM sessions WHERE id = ?`);
  const list = db.prepare<[number, number], SessionRow>(
    `SELECT ${sessionColumns} FROM sessions WHERE id IS NOT NULL AND parent_id = '' AND key < ?
      ORDER BY key DESC LIMIT ?`,
  );
  const children = db.prepare<[string, number, number], SessionRow>(
    `SELECT ${sessionColumns} FROM sessions WHERE id IS NOT NULL AND parent_id <> '' AND parent_id = ? AND key < ?
      ORDER BY key DESC LIMIT ?`,
  );
  const update = db.prepare<[string, number, Uint8Array, string]>(
    "UPDATE sessions SET title = ?, updated_at = ?, data = ? WHERE id = ?",
  );
  const epoch = db.prepare<[string], number>("SELECT epoch FROM sessions WHERE id = ?").pluck();
  const claim = db
    .prepare<[string], number>("UPDATE sessions SET epoch = epoch + 1 WHERE id = ? RETURNING epoch")
    .pluck();
  return {
    insert: (session) =>
      attempt(() => {
        const data = toBinary(SessionSchema, session);
        const { id, parentSessionId, title, usage } = session;
        insert.run(id, parentSessionId, title, toMs(session, clock), data, ...usageValues(usage));
      }),
    get: (id) =>
      attempt(() => {
        const row = get.get(id);
        return row && toSession(row);
      }),
    list: (page, parentId) =>
      attempt(() => {
        if (!parentId) return readPage("sessions", page, (below, limit) => list.all(below, limit), toSession);
        const read = (below: number, limit: number) => children.all(parentId, below, limit);
        return readPage(`sessions of ${parentId}`, page, read, toSession);
      }),
    update: (session) =>
      attempt(() => {
        const row = get.get(session.id);
        if (!row) return false;
        const data = toBinary(SessionSchema, merge(fromBinary(SessionSchema, row.data), session));
        return update.run(session.title, toMs(session, clock), data, session.id).changes > 0;
      }),
    delete: (id) => remover.remove(id),
    epoch: (id) => attempt(() => epoch.get(id)),
    // In a transaction of its own: outside of one, a full disk goes unnoticed until the row has been returned.
    claim: (id) => attempt(() => db.transaction(() => claim.get(id)).immediate()),
  };
}

/** The stored session with what `update` may change. */
function merge(stored: Session, changed: Session): Session {
  const { agentId, workDir, approvalMode, labels, expiresAt, rules } = changed;
  const { expiresAt: _, ...kept } = stored;
  return { ...kept, agentId, workDir, approvalMode, labels, rules, ...(expiresAt && { expiresAt }) };
}
