import type { Database } from "better-sqlite3";
import type { Batch, BatchResult, Write } from "../../core/store.js";
import { EventWriter } from "./event-writer.js";
import { MessageWriter } from "./message-writer.js";
import { QuestionWriter } from "./question-writer.js";
import { RunWriter } from "./run-writer.js";
import type { SessionHead } from "./session-row.js";
import { lastSeq } from "./session-row.js";
import { SessionWriter } from "./session-writer.js";
import { UsageWriter } from "./usage-writer.js";

/** Writes one batch within a transaction that someone else began. */
export class BatchWriter {
  readonly #head;
  readonly #advance;
  readonly #claim;
  readonly #title;
  readonly #events;
  readonly #messages;
  readonly #runs;
  readonly #sessions;
  readonly #usage;
  readonly #approvals;
  readonly #elicitations;

  constructor(db: Database) {
    this.#head = db.prepare<[string], SessionHead & { readonly epoch: number }>(
      `SELECT key, epoch, message_count, ${lastSeq} AS last_seq FROM sessions WHERE id = ?`,
    );
    this.#advance = db.prepare<[number, number, number, number]>(
      "UPDATE sessions SET last_seq = ?, message_count = ?, updated_at = ? WHERE key = ?",
    );
    this.#claim = db.prepare<[number]>("UPDATE sessions SET epoch = epoch + 1 WHERE key = ?");
    this.#title = db.prepare<[string, number]>("UPDATE sessions SET title = ? WHERE key = ?");
    this.#sessions = new SessionWriter(db);
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
    const before = this.#head.get(batch.sessionId);
    if (!before) return "missing";
    const claims = batch.writes[0]?.type === "claim";
    if (batch.epoch !== undefined && batch.epoch !== before.epoch + (claims ? 1 : 0)) return "stale";
    const messages = batch.writes.flatMap((write) => (write.type === "message" ? [write.message] : []));
    const events = batch.writes.flatMap((write) => (write.type === "event" ? [write.event] : []));
    const head = {
      key: before.key,
      last_seq: before.last_seq + events.length,
      message_count: before.message_count + messages.length,
    };
    for (const [i, event] of events.entries()) event.seq = before.last_seq + i + 1;
    for (const [i, message] of messages.entries()) message.index = before.message_count + i + 1;
    // Deltas leave the session's row alone: its newest seq is known from the events as well, and a commit is
    // durable the sooner the fewer pages it writes.
    if (events.length < batch.writes.length) {
      this.#advance.run(head.last_seq, head.message_count, now, head.key);
    }
    // An event may come before the row of its run, which it refers to, and may hold a message.
    for (const write of batch.writes) if (write.type === "run") this.#runs.write(head, write);
    for (const write of batch.writes) this.#writeOne(head, write, now);
    this.#events.write(head, events);
    return "written";
  }

  /** Takes back the positions that `write` gave out. */
  reset(batch: Batch): void {
    this.#events.forget();
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
      case "claim":
        this.#claim.run(head.key);
        break;
      case "message":
        this.#messages.append(head, write.message);
        break;
      case "usage":
        this.#usage.write(head, write, now);
        break;
      case "rule":
        this.#sessions.addRule(head, write.rule);
        break;
      case "agent":
        this.#sessions.setAgent(head, write.agentId);
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
