import type { Rule } from "../../gen/agentry/v1/rule_pb.js";
import { invalid } from "../core/fault.js";
import type { Policy } from "../core/policy.js";
import { toRule } from "../engine/rules.js";

const maxRules = 200;

/** @throws Fault `invalid` for too many rules, one that cannot be read, or one that is about no call. */
export function checkRules(policy: Policy, rules: readonly Rule[]): void {
  if (rules.length > maxRules)
    throw invalid(`there are ${rules.length} rules; at most ${maxRules} are allowed`);
  policy.check(rules.map(toRule));
}
