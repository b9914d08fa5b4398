import { create } from "@bufbuild/protobuf";
import type { Approval } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import type { Rule as ProtoRule } from "../../gen/agentry/v1/rule_pb.js";
import { RuleEffect, RuleSchema } from "../../gen/agentry/v1/rule_pb.js";
import { ApprovalScope } from "../../gen/agentry/v1/run_pb.js";
import { invalid } from "../core/fault.js";
import type { RuleEffect as Effect, Rule } from "../core/policy.js";
import { serverPrefix } from "./server-subject.js";
import { hashCall } from "./tool-arguments.js";

/** Begins the pattern of a rule that is about calls with exactly the same arguments. */
const samePrefix = "sha256:";

/**
 * Rules as policy reads them, without those about one exact call, which are looked up by `allowsExactly`.
 * @throws Fault `invalid` for a rule without an effect or a tool.
 */
export function toRules(rules: readonly ProtoRule[]): Rule[] {
  return rules.filter((rule) => !isExact(rule)).map(toRule);
}

/** Whether some rule is about one exact call, by the hash of its arguments. */
export const namesCalls = (rules: readonly ProtoRule[]): boolean =>
  rules.some(({ pattern }) => pattern.startsWith(samePrefix));

/**
 * A rule as it is written.
 * @throws Fault `invalid` for a rule without an effect or a tool.
 */
export function toRule({ effect, tool, pattern }: ProtoRule): Rule {
  if (tool === "") throw invalid("a rule's tool is required: the name of a tool, or * for every tool");
  return { effect: effectOf(effect), tool, ...(pattern && { pattern }) };
}

function effectOf(effect: RuleEffect): Effect {
  switch (effect) {
    case RuleEffect.ALLOW:
      return "allow";
    case RuleEffect.ASK:
      return "ask";
    case RuleEffect.DENY:
      return "deny";
    case RuleEffect.UNSPECIFIED:
      throw invalid("a rule's effect is required: RULE_EFFECT_ALLOW, RULE_EFFECT_ASK or RULE_EFFECT_DENY");
    default:
      throw invalid(`a rule's effect ${effect satisfies never} is unknown`);
  }
}

/** Whether a rule allows this very call. */
export function allowsExactly(rules: readonly ProtoRule[], call: ToolCall): boolean {
  const exact = rules.filter((rule) => isExact(rule) && rule.tool === call.name);
  if (exact.length === 0) return false;
  const pattern = samePrefix + hashCall(call.name, call.arguments ?? {});
  return exact.some((rule) => rule.pattern === pattern);
}

function isExact({ effect, pattern }: ProtoRule): boolean {
  return effect === RuleEffect.ALLOW && pattern.startsWith(samePrefix);
}

/** The rule that goes with an approval of this scope; undefined when it is about the one call alone. */
export function ruleFor(scope: ApprovalScope, approval: Approval): ProtoRule | undefined {
  const { toolCall, argumentsSha256 } = approval;
  const tool = toolCall?.name ?? "";
  const effect = RuleEffect.ALLOW;
  switch (scope) {
    case ApprovalScope.UNSPECIFIED:
    case ApprovalScope.CALL:
      return undefined;
    case ApprovalScope.SAME_CALL:
      return create(RuleSchema, { effect, tool, pattern: samePrefix + argumentsSha256 });
    case ApprovalScope.TOOL:
      // Whoever lets one server in has not seen the next one of its name.
      if (tool.startsWith(serverPrefix)) return ruleFor(ApprovalScope.SAME_CALL, approval);
      return create(RuleSchema, { effect, tool });
    case ApprovalScope.SESSION:
      return create(RuleSchema, { effect, tool: "*" });
    default:
      throw invalid(`scope ${scope satisfies never} is unknown`);
  }
}
