import { fromBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import { ApprovalSchema, ElicitationSchema } from "../../../gen/agentry/v1/event_pb.js";
import type { ApprovalRows, ElicitationRows } from "../../core/store.js";
import { attempt } from "./failure.js";
import { inSession } from "./session-row.js";

interface Filter {
  readonly sessionId?: string;
  readonly runId?: string;
  readonly state?: number;
}

interface QuestionRows<T> {
  get(id: string): Promise<T | undefined>;
  list(filter: Filter): Promise<T[]>;
}

const listLimit = 1000;

/** Keys of a session, its child sessions, and theirs. */
const family = `WITH RECURSIVE family (key, id) AS (
    SELECT key, id FROM sessions WHERE id = ?
    UNION ALL
    SELECT sessions.key, sessions.id FROM sessions JOIN family ON sessions.parent_id = family.id
      WHERE sessions.id IS NOT NULL AND sessions.parent_id <> ''
  ) SELECT key FROM family`;

/** The approvals of a database, for reading. */
export function createApprovalRows(db: Database): ApprovalRows {
  return createQuestionRows(db, "approvals", (data) => fromBinary(ApprovalSchema, data));
}

/** The elicitations of a database, for reading. */
export function createElicitationRows(db: Database): ElicitationRows {
  return createQuestionRows(db, "elicitations", (data) => fromBinary(ElicitationSchema, data));
}

function createQuestionRows<T>(
  db: Database,
  table: "approvals" | "elicitations",
  decode: (data: Uint8Array) => T,
): QuestionRows<T> {
  const get = db
    .prepare<[string], Uint8Array>(`SELECT data FROM ${table} WHERE id = ? AND ${inSession}`)
    .pluck();
  return {
    get: (id) =>
      attempt(() => {
        const data = get.get(id);
        return data && decode(data);
      }),
    list: (filter) =>
      attempt(() => {
        const { where, values } = toWhere(filter);
        // The order of `key` alone would speak for the index of all that is in a state.
        const order = filter.sessionId === undefined ? "key" : "+key";
        const list = db
          .prepare<(string | number)[], Uint8Array>(
            `SELECT data FROM ${table} WHERE ${where} AND ${inSession} ORDER BY ${order} LIMIT ${listLimit}`,
          )
          .pluck();
        return list.all(...values).map(decode);
      }),
  };
}

function toWhere({ sessionId, runId, state }: Filter): { where: string; values: (string | number)[] } {
  const terms: [string, string | number | undefined][] = [
    [`session_key IN (${family})`, sessionId],
    ["run_key = (SELECT key FROM runs WHERE id = ?)", runId],
    ["state = ?", state],
  ];
  const given = terms.filter(([, value]) => value !== undefined);
  return {
    where: given.map(([term]) => term).join(" AND ") || "TRUE",
    values: given.flatMap(([, value]) => (value === undefined ? [] : [value])),
  };
}
