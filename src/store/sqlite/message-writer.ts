import type { Database } from "better-sqlite3";
import type { Message } from "../../../gen/agentry/v1/message_pb.js";
import { MessageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { encode } from "./encode.js";
import type { SessionHead } from "./session-row.js";

/** Writes messages. */
export class MessageWriter {
  readonly #insert;

  constructor(db: Database) {
    this.#insert = db.prepare<[number, number, string, Uint8Array]>(
      "INSERT INTO messages (session_key, position, id, data) VALUES (?, ?, ?, ?)",
    );
  }

  /** Appends a message that has its index. */
  append({ key }: SessionHead, message: Message): void {
    this.#insert.run(key, message.index, message.id, encode(MessageSchema, message));
  }
}
