import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import { Fault, invalid } from "../../core/fault.js";
import type { Decision, Policy, PolicyRequest, Rule } from "../../core/policy.js";
import type { Tool } from "../../core/tool.js";
import type { KnownTools } from "./check-rule.js";
import { checkRule, knownTools } from "./check-rule.js";
import { CommandJudge } from "./command-judge.js";
import { showRule } from "./compile-rule.js";
import type { Match } from "./match-rules.js";
import { matchRules } from "./match-rules.js";

const mostRules = 200;

/** A policy that has a thread to end. */
export interface RulePolicy extends Policy {
  /** Ends the thread that analyses commands, if there is one. */
  close(): Promise<void>;
}

/**
 * The policy of rules and modes. The first line of this table that holds decides:
 *
 * | | | |
 * |---|---|---|
 * | 1 | a rule cannot be read | deny |
 * | 2 | the agent denies what the call is, or nobody can tell that it is not | deny |
 * | 3 | the session denies so | deny |
 * | 4 | the mode is read-only and the tool is not | deny |
 * | 5 | agent or session deny what the call may do in code that is not looked at: in files, or of another language | ask, each time |
 * | 6 | agent or session ask, or nobody can tell that they do not | ask |
 * | 7 | the session allows; for an unconfined call, by a rule that names the tool | allow |
 * | 8 | the agent allows so | allow |
 * | 9 | the call is unconfined | ask |
 * | 10 | the tool only reads, or the mode is auto | allow |
 * | 11 | otherwise | ask |
 *
 * Commands are analysed in a thread of their own, which starts with the first one that a rule is about. Rules are
 * checked against these tools; without any, every name of a tool is taken.
 */
export function createPolicy(tools: readonly Pick<Tool, "name" | "inputSchema">[] = []): RulePolicy {
  const judge = new CommandJudge();
  const known = knownTools(tools);
  return {
    check: (rules) => checkRules(rules, known),
    async decide(request, signal) {
      signal.throwIfAborted();
      try {
        return decideBy(await matchRules(request, judge, signal), request);
      } catch (error) {
        if (!(error instanceof Fault) || error.reason !== "invalid") throw error;
        return { kind: "deny", why: error.message };
      }
    },
    close: () => judge.close(),
  };
}

function checkRules(rules: readonly Rule[], known: KnownTools): void {
  if (rules.length > mostRules) throw invalid(`There are more than ${mostRules} rules.`);
  for (const rule of rules) checkRule(rule, known);
}

function decideBy(matches: readonly Match[], request: PolicyRequest): Decision {
  const { mode, readOnly, unconfined = false } = request;
  const denials = matches.filter(({ rule }) => rule.effect === "deny");
  const sure = denials.filter(({ sighting }) => sighting === "yes" || sighting === "unclear");
  const denied = sure.find(({ scope }) => scope === "agent") ?? sure[0];
  if (denied !== undefined) return { kind: "deny", why: sentence(denied) };
  if (mode === ApprovalMode.READ_ONLY && !readOnly)
    return { kind: "deny", why: "This session is read-only." };
  const perhaps = denials.find(({ sighting }) => sighting === "perhaps");
  if (perhaps !== undefined) return { kind: "ask", why: sentence(perhaps), eachTime: true };
  const asking = matches.find(({ rule, sighting }) => rule.effect === "ask" && sighting !== "no");
  if (asking !== undefined) return { kind: "ask", why: sentence(asking) };
  const allowing = matches.filter(
    ({ rule, sighting }) =>
      rule.effect === "allow" && sighting === "yes" && !(unconfined && rule.tool.endsWith("*")),
  );
  const allowed = allowing.find(({ scope }) => scope === "session") ?? allowing[0];
  if (allowed !== undefined) return { kind: "allow", why: sentence(allowed) };
  if (unconfined) return { kind: "ask", why: "There is no sandbox, and no rule names the tool." };
  return decideByMode(mode, readOnly);
}

function decideByMode(mode: ApprovalMode, readOnly: boolean): Decision {
  if (readOnly) return { kind: "allow", why: "The tool only reads." };
  if (mode === ApprovalMode.AUTO) return { kind: "allow", why: "This session runs every tool." };
  return { kind: "ask", why: "No rule allows it." };
}

function sentence({ scope, rule, sighting, unclear }: Match): string {
  const by = `the ${scope}'s rule ${showRule(rule)}`;
  switch (sighting) {
    case "yes":
      return `This is ${by}.`;
    case "perhaps":
      return `It runs code, in files or of another language, that cannot be held against ${by}.`;
    case "unclear":
      return `It cannot be held against ${by}: ${unclear ?? "it cannot be analysed"}.`;
    case "no":
      return `This is not ${by}.`;
    default:
      return sighting satisfies never;
  }
}
