import { fromBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Session } from "../../../gen/agentry/v1/sessions_pb.js";
import { SessionSchema } from "../../../gen/agentry/v1/sessions_pb.js";
import type { Clock } from "../../core/clock.js";
import type { KeyedRow } from "./cursor.js";
import type { UsageRow } from "./usage.js";
import { toUsage, usageColumns } from "./usage.js";

/** A session as it is stored. */
export interface SessionRow extends KeyedRow, UsageRow {
  readonly data: Uint8Array;
  readonly title: string;
  readonly last_seq: number;
  readonly message_count: number;
  readonly updated_at: number;
  readonly active_run_id: string | null;
}

/** The session that a batch goes to, with the newest positions once it is written. */
export interface SessionHead {
  readonly key: number;
  readonly last_seq: number;
  readonly message_count: number;
}

/** The newest seq of a session, in a query on `sessions`: its row need not have been written with each event. */
export const lastSeq = `max(last_seq, coalesce(
  (SELECT max(seq) FROM events WHERE session_key = sessions.key), 0))`;

/** In a query on a table with a `session_key`: the session of the row has not been deleted. */
export const inSession = `EXISTS (SELECT 1 FROM sessions WHERE sessions.key = session_key AND sessions.id IS NOT NULL)`;

/** What a query on `sessions` selects to get SessionRow. */
export const sessionColumns = `key, data, title, ${lastSeq} AS last_seq, message_count, updated_at, ${usageColumns},
  (SELECT runs.id FROM runs WHERE session_key = sessions.key AND state IN (2, 3, 4)) AS active_run_id`;

/** The session of a row: columns win over the blob. */
export function toSession(row: SessionRow): Session {
  const session = fromBinary(SessionSchema, row.data);
  session.title = row.title;
  session.lastSeq = row.last_seq;
  session.messageCount = row.message_count;
  session.activeRunId = row.active_run_id ?? "";
  session.usage = toUsage(row);
  session.updatedAt = timestampFromMs(row.updated_at);
  return session;
}

/** When a session says it was changed, in milliseconds; now where it does not say. */
export function toMs(session: Session, clock: Clock): number {
  return Math.floor(session.updatedAt ? timestampMs(session.updatedAt) : clock.now());
}
