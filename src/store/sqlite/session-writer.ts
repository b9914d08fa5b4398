import { equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Database } from "better-sqlite3";
import type { Rule } from "../../../gen/agentry/v1/rule_pb.js";
import { RuleSchema } from "../../../gen/agentry/v1/rule_pb.js";
import type { Session } from "../../../gen/agentry/v1/sessions_pb.js";
import { SessionSchema } from "../../../gen/agentry/v1/sessions_pb.js";
import type { SessionHead } from "./session-row.js";

/** Changes what sessions say of themselves. */
export class SessionWriter {
  readonly #get;
  readonly #put;

  constructor(db: Database) {
    this.#get = db.prepare<[number], Uint8Array>("SELECT data FROM sessions WHERE key = ?").pluck();
    this.#put = db.prepare<[Uint8Array, number]>("UPDATE sessions SET data = ? WHERE key = ?");
  }

  addRule(head: SessionHead, rule: Rule): void {
    const session = this.#read(head);
    if (!session || session.rules.some((existing) => equals(RuleSchema, existing, rule))) return;
    session.rules.push(rule);
    this.#write(head, session);
  }

  setAgent(head: SessionHead, agentId: string): void {
    const session = this.#read(head);
    if (session) this.#write(head, { ...session, agentId });
  }

  #read({ key }: SessionHead): Session | undefined {
    const data = this.#get.get(key);
    return data && fromBinary(SessionSchema, data);
  }

  #write({ key }: SessionHead, session: Session): void {
    this.#put.run(toBinary(SessionSchema, session), key);
  }
}
