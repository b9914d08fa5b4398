import { fromBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import { MessageSchema } from "../../../gen/agentry/v1/message_pb.js";
import type { MessageRows } from "../../core/store.js";
import { toLimit } from "./cursor.js";
import { attempt } from "./failure.js";

/** The messages of a database, for reading. */
export function createMessageRows(db: Database): MessageRows {
  const bySession = "session_key = (SELECT key FROM sessions WHERE id = ?)";
  const get = db
    .prepare<[string, string], Uint8Array>(`SELECT data FROM messages WHERE ${bySession} AND id = ?`)
    .pluck();
  const list = db
    .prepare<[string, number, number], Uint8Array>(
      `SELECT data FROM messages WHERE ${bySession} AND position > ?
        ORDER BY position LIMIT ?`,
    )
    .pluck();
  return {
    get: (sessionId, id) =>
      attempt(() => {
        const data = get.get(sessionId, id);
        return data && fromBinary(MessageSchema, data);
      }),
    list: (sessionId, after, limit) =>
      attempt(() =>
        list.all(sessionId, after, toLimit(limit)).map((data) => fromBinary(MessageSchema, data)),
      ),
  };
}
