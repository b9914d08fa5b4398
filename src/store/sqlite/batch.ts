import type { Database } from "better-sqlite3";
import type { Batch, BatchResult, Write } from "../../core/store.js";
import { EventWriter } from "./event-writer.js";
import { MessageWriter } from "./message-writer.js";
import { QuestionWriter } from "./question-writer.js";
import { RuleWriter } from "./rule-writer.js";
import { RunWriter } from "./run-writer.js";
import type { SessionHead } from "./session-row.js";
import { UsageWriter } from "./usage-writer.js";

/** Writes one batch within a transaction that someone else began. */
export class BatchWriter {
  readonly #advance;
  readonly #epoch;
  readonly #title;
  readonly #events;
  readonly #messages;
  readonly #rules;
  readonly #runs;
  readonly #usage;
  readonly #approvals;
  readonly #elicitations;

  constructor(db: Database) {
    this.#advance = db.prepare<[number, number, number, string], SessionHead>(
      `UPDATE sessions SET last_seq = last_seq + ?, message_count = message_count + ?, updated_at = ?
        WHERE id = ? RETURNING key, last_seq, message_count`,
    );
    this.#epoch = db.prepare<[string], number>("SELECT epoch FROM sessions WHERE id = ?").pluck();
    this.#title = db.prepare<[string, number]>("UPDATE sessions SET title = ? WHERE key = ?");
    this.#rules = new RuleWriter(db);
    this.#runs = new RunWriter(db);
    this.#events = new EventWriter(db);
    this.#messages = new MessageWriter(db);
    this.#usage = new UsageWriter(db);
    this.#approvals = QuestionWriter.ofApprovals(db);
    this.#elicitations = QuestionWriter.ofElicitations(db);
  }

  /**
   * Writes all of the batch, or returns why nothing was written. Throws a Refusal, or what SQLite or the
   * encoder throws, when that turns out after some of it was written: the caller rolls back.
   */
  write(batch: Batch, now: number): BatchResult {
    if (batch.epoch !== undefined) {
      const epoch = this.#epoch.get(batch.sessionId);
      if (epoch !== batch.epoch) return epoch === undefined ? "missing" : "stale";
    }
    const messages = batch.writes.flatMap((write) => (write.type === "message" ? [write.message] : []));
    const events = batch.writes.flatMap((write) => (write.type === "event" ? [write.event] : []));
    const head = this.#advance.get(events.length, messages.length, now, batch.sessionId);
    if (!head) return "missing";
    for (const [i, event] of events.entries()) event.seq = head.last_seq - events.length + i + 1;
    for (const [i, message] of messages.entries())
      message.index = head.message_count - messages.length + i + 1;
    // An event may come before the row of its run, which it refers to, and may hold a message.
    for (const write of batch.writes) if (write.type === "run") this.#runs.write(head, write);
    for (const write of batch.writes) this.#writeOne(head, write, now);
    this.#events.write(head, events);
    return "written";
  }

  /** Takes back the positions that `write` gave out. */
  reset(batch: Batch): void {
    for (const write of batch.writes) {
      if (write.type === "event") write.event.seq = 0;
      if (write.type === "message") write.message.index = 0;
      if (write.type === "run" && write.first) write.run.firstSeq = 0;
      if (write.type === "run" && write.last) write.run.lastSeq = 0;
    }
  }

  #writeOne(head: SessionHead, write: Write, now: number): void {
    switch (write.type) {
      case "event":
      case "run":
        break;
      case "message":
        this.#messages.append(head, write.message);
        break;
      case "message_replaced":
        this.#messages.replace(head, write.message);
        break;
      case "usage":
        this.#usage.write(head, write, now);
        break;
      case "rule":
        this.#rules.add(head, write.rule);
        break;
      case "title":
        this.#title.run(write.title, head.key);
        break;
      case "approval":
        this.#approvals.write(head, write.approval, write.from);
        break;
      case "elicitation":
        this.#elicitations.write(head, write.elicitation, write.from);
        break;
      default:
        write satisfies never;
    }
  }
}
