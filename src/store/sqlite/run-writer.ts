import type { Database } from "better-sqlite3";
import { AgentSchema } from "../../../gen/agentry/v1/agents_pb.js";
import { MessageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { RunSchema } from "../../../gen/agentry/v1/run_pb.js";
import type { Write } from "../../core/store.js";
import { encode } from "./encode.js";
import { Refusal } from "./refusal.js";
import type { SessionHead } from "./session-row.js";

/** Writes runs. */
export class RunWriter {
  readonly #put;
  readonly #putDetails;

  constructor(db: Database) {
    this.#put = db
      .prepare<[string, number, string, number, number, Uint8Array], number>(
        `INSERT INTO runs (id, session_key, request_id, state, last_seq, data) VALUES (?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET
            request_id = excluded.request_id, state = excluded.state, last_seq = excluded.last_seq, data = excluded.data
            WHERE session_key = excluded.session_key
          RETURNING key`,
      )
      .pluck();
    this.#putDetails = db.prepare<[number, string, Uint8Array, Uint8Array]>(
      "INSERT OR REPLACE INTO run_details (run_key, input_sha256, input, agent) VALUES (?, ?, ?, ?)",
    );
  }

  /** Inserts or replaces a run. Refused as a conflict when its id is in use in another session. */
  write({ key }: SessionHead, { run, details, first, last }: Extract<Write, { type: "run" }>): void {
    if (first) run.firstSeq = first.seq;
    if (last) run.lastSeq = last.seq;
    const runKey = this.#put.get(run.id, key, run.requestId, run.state, run.lastSeq, encode(RunSchema, run));
    if (runKey === undefined) throw new Refusal("conflict");
    if (!details) return;
    this.#putDetails.run(
      runKey,
      details.inputSha256,
      encode(MessageSchema, details.input),
      encode(AgentSchema, details.agent),
    );
  }
}
