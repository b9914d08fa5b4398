import { fromBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import type { Message } from "../../../gen/agentry/v1/message_pb.js";
import { MessageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { encode } from "./encode.js";
import { Refusal } from "./refusal.js";
import type { SessionHead } from "./session-row.js";

/** Writes messages. */
export class MessageWriter {
  readonly #insert;
  readonly #get;
  readonly #replace;

  constructor(db: Database) {
    this.#insert = db.prepare<[number, number, string, Uint8Array]>(
      "INSERT INTO messages (session_key, position, id, data) VALUES (?, ?, ?, ?)",
    );
    this.#get = db
      .prepare<[number, string], Uint8Array>("SELECT data FROM messages WHERE session_key = ? AND id = ?")
      .pluck();
    this.#replace = db.prepare<[Uint8Array, number, string]>(
      "UPDATE messages SET data = ? WHERE session_key = ? AND id = ?",
    );
  }

  /** Appends a message that has its index. */
  append({ key }: SessionHead, message: Message): void {
    this.#insert.run(key, message.index, message.id, encode(MessageSchema, message));
  }

  /** Replaces a message but for its place and time, which the given one is told. Refused as missing when there is none. */
  replace({ key }: SessionHead, message: Message): void {
    const data = this.#get.get(key, message.id);
    if (!data) throw new Refusal("missing");
    const { index, createdAt } = fromBinary(MessageSchema, data);
    message.index = index;
    if (createdAt) message.createdAt = createdAt;
    else delete message.createdAt;
    this.#replace.run(encode(MessageSchema, message), key, message.id);
  }
}
