import type { JsonObject } from "@bufbuild/protobuf";
import type { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";

/** What a rule says of the calls that it matches. */
export type RuleEffect = "allow" | "ask" | "deny";

/** A rule on tool calls, as people write it: `deny bash(rm)` is effect, tool and pattern. */
export interface Rule {
  readonly effect: RuleEffect;
  /** Exact name of a tool, the beginning of names and a `*` as in `github_*`, or `*` for every tool. */
  readonly tool: string;
  /** Which arguments it is about, in the pattern language of the policy. Absent or empty: every call of the tool. */
  readonly pattern?: string;
}

/** A call to decide, and all that bears on it. */
export interface PolicyRequest {
  readonly tool: string;
  /** Other names of the tool, by which rules may mean it. */
  readonly alsoNamed?: readonly string[] | undefined;
  /** Whether the tool changes nothing. */
  readonly readOnly: boolean;
  readonly input: JsonObject;
  /** Hash of the arguments, hexadecimal, as approvals are bound to it. Absent: no rule on one call matches. */
  readonly argumentsSha256?: string;
  readonly mode: ApprovalMode;
  /** Absolute path of the session's working directory, or empty. */
  readonly workDir: string;
  /** Rules of the agent and of every agent that delegated to it. */
  readonly agentRules: readonly Rule[];
  readonly sessionRules: readonly Rule[];
  /**
   * The call needs a sandbox and there is none, which nobody chose. Then neither the mode, nor that the tool only
   * reads, nor a rule on every tool lets it run. Default false.
   */
  readonly unconfined?: boolean;
}

/** What policy says of a call: it runs, somebody is asked, or it does not run. `why` is a sentence for people. */
export interface Decision {
  readonly kind: RuleEffect;
  readonly why: string;
  /** With `ask`: a rule may deny what is behind the call, so that somebody is asked each time. Default false. */
  readonly eachTime?: boolean;
}

/** Decides tool calls by rules and by the session's mode. */
export interface Policy {
  /** Throws an `invalid` Fault that names the first rule which cannot be read, or that there are too many. */
  check(rules: readonly Rule[]): void;
  /** Never answers `allow` for what it could not analyse. Throws the signal's reason when aborted. */
  decide(request: PolicyRequest, signal: AbortSignal): Promise<Decision>;
}
