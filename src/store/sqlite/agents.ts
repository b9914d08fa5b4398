import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import { AgentSchema } from "../../../gen/agentry/v1/agents_pb.js";
import type { AgentRows } from "../../core/store.js";
import type { KeyedRow } from "./cursor.js";
import { readPage } from "./cursor.js";
import { attempt } from "./failure.js";

interface AgentRow extends KeyedRow {
  readonly data: Uint8Array;
}

/** The agents of a database. */
export function createAgentRows(db: Database): AgentRows {
  const insert = db.prepare<[string, Uint8Array]>("INSERT INTO agents (id, data) VALUES (?, ?)");
  const get = db.prepare<[string], AgentRow>("SELECT key, data FROM agents WHERE id = ?");
  const list = db.prepare<[number, number], AgentRow>(
    "SELECT key, data FROM agents WHERE key < ? ORDER BY key DESC LIMIT ?",
  );
  const update = db.prepare<[Uint8Array, string]>("UPDATE agents SET data = ? WHERE id = ?");
  const remove = db.prepare<[string]>("DELETE FROM agents WHERE id = ?");
  const toAgent = (row: AgentRow) => fromBinary(AgentSchema, row.data);
  return {
    insert: (agent) =>
      attempt(() => {
        insert.run(agent.id, toBinary(AgentSchema, agent));
      }),
    get: (id) =>
      attempt(() => {
        const row = get.get(id);
        return row && toAgent(row);
      }),
    list: (page) =>
      attempt(() => readPage("agents", page, (below, limit) => list.all(below, limit), toAgent)),
    update: (agent) => attempt(() => update.run(toBinary(AgentSchema, agent), agent.id).changes > 0),
    delete: (id) => attempt(() => remove.run(id).changes > 0),
  };
}
