import { equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import type { Rule } from "../../../gen/agentry/v1/rule_pb.js";
import { RuleSchema } from "../../../gen/agentry/v1/rule_pb.js";
import { SessionSchema } from "../../../gen/agentry/v1/sessions_pb.js";
import type { SessionHead } from "./session-row.js";

/** Adds rules to sessions. */
export class RuleWriter {
  readonly #get;
  readonly #put;

  constructor(db: Database) {
    this.#get = db.prepare<[number], Uint8Array>("SELECT data FROM sessions WHERE key = ?").pluck();
    this.#put = db.prepare<[Uint8Array, number]>("UPDATE sessions SET data = ? WHERE key = ?");
  }

  add({ key }: SessionHead, rule: Rule): void {
    const data = this.#get.get(key);
    if (!data) return;
    const session = fromBinary(SessionSchema, data);
    if (session.rules.some((existing) => equals(RuleSchema, existing, rule))) return;
    session.rules.push(rule);
    this.#put.run(toBinary(SessionSchema, session), key);
  }
}
