import { fromBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import { AgentSchema } from "../../../gen/agentry/v1/agents_pb.js";
import { MessageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { RunSchema } from "../../../gen/agentry/v1/run_pb.js";
import type { RunRows } from "../../core/store.js";
import type { KeyedRow } from "./cursor.js";
import { readPage } from "./cursor.js";
import { attempt } from "./failure.js";
import { inSession } from "./session-row.js";

interface RunRow extends KeyedRow {
  readonly data: Uint8Array;
}

interface DetailsRow {
  readonly input_sha256: string;
  readonly input: Uint8Array;
  readonly agent: Uint8Array;
}

/** The runs of a database, for reading. */
export function createRunRows(db: Database): RunRows {
  const bySession = "session_key = (SELECT key FROM sessions WHERE id = ?)";
  const get = db.prepare<[string], RunRow>(`SELECT key, data FROM runs WHERE id = ? AND ${inSession}`);
  const details = db.prepare<[string], DetailsRow>(
    `SELECT input_sha256, input, agent FROM run_details
      WHERE run_key = (SELECT key FROM runs WHERE id = ? AND ${inSession})`,
  );
  const byRequestId = db.prepare<[string, string], RunRow>(
    `SELECT key, data FROM runs WHERE ${bySession} AND request_id = ? AND request_id <> ''`,
  );
  const list = db.prepare<[string, number, number], RunRow>(
    `SELECT key, data FROM runs WHERE ${bySession} AND key < ? ORDER BY key DESC LIMIT ?`,
  );
  const unfinished = db.prepare<[], RunRow>(
    `SELECT key, data FROM runs WHERE state <> 5 AND ${inSession} ORDER BY key`,
  );
  const toRun = (row: RunRow) => fromBinary(RunSchema, row.data);
  return {
    get: (id) =>
      attempt(() => {
        const row = get.get(id);
        return row && toRun(row);
      }),
    details: (id) =>
      attempt(() => {
        const row = details.get(id);
        return (
          row && {
            inputSha256: row.input_sha256,
            input: fromBinary(MessageSchema, row.input),
            agent: fromBinary(AgentSchema, row.agent),
          }
        );
      }),
    findByRequestId: (sessionId, requestId) =>
      attempt(() => {
        const row = byRequestId.get(sessionId, requestId);
        return row && toRun(row);
      }),
    list: (sessionId, page) =>
      attempt(() => readPage("runs", page, (below, limit) => list.all(sessionId, below, limit), toRun)),
    unfinished: () => attempt(() => unfinished.all().map(toRun)),
  };
}
