import type { Database } from "better-sqlite3";
import type { Approval, Elicitation } from "../../../gen/agentry/v1/event_pb.js";
import { ApprovalSchema, ElicitationSchema } from "../../../gen/agentry/v1/event_pb.js";
import { encode } from "./encode.js";
import { Refusal } from "./refusal.js";
import type { SessionHead } from "./session-row.js";

/** What approvals and elicitations have in common. */
interface Question {
  readonly id: string;
  readonly runId: string;
  readonly state: number;
}

/** Writes approvals, or elicitations. */
export class QuestionWriter<T extends Question> {
  readonly #insert;
  readonly #replace;

  static ofApprovals(db: Database): QuestionWriter<Approval> {
    return new QuestionWriter(db, "approvals", (approval) => encode(ApprovalSchema, approval));
  }

  static ofElicitations(db: Database): QuestionWriter<Elicitation> {
    return new QuestionWriter(db, "elicitations", (elicitation) => encode(ElicitationSchema, elicitation));
  }

  constructor(
    db: Database,
    table: "approvals" | "elicitations",
    readonly toData: (question: T) => Uint8Array,
  ) {
    this.#insert = db.prepare<[string, number, string, number, Uint8Array]>(
      `INSERT INTO ${table} (id, session_key, run_key, state, data)
        VALUES (?, ?, (SELECT key FROM runs WHERE id = ?), ?, ?)`,
    );
    this.#replace = db.prepare<[number, Uint8Array, string, number, number]>(
      `UPDATE ${table} SET state = ?, data = ? WHERE id = ? AND session_key = ? AND state = ?`,
    );
  }

  /**
   * Inserts it, or with `from` replaces the one with its id that is in that state: two who answer at once
   * cannot both succeed. Refused as a conflict when there is no such one.
   */
  write({ key }: SessionHead, question: T, from: T["state"] | undefined): void {
    const { id, runId, state } = question;
    const data = this.toData(question);
    if (from === undefined) {
      this.#insert.run(id, key, runId, state, data);
      return;
    }
    if (this.#replace.run(state, data, id, key, from).changes === 0) throw new Refusal("conflict");
  }
}
