import { clone } from "@bufbuild/protobuf";
import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import { RuleEffect } from "../../gen/agentry/v1/rule_pb.js";
import { commonHosts } from "../core/common-hosts.js";

/**
 * A copy of an agent as it works for another one, or after it: what that one denies or asks of itself holds here
 * too, and only hosts that both may reach can be reached. What that one allows itself does not count: an agent gains
 * nothing by whom it works for. `from` may have inherited in turn.
 */
export function inherit(agent: Agent, from: Agent): Agent {
  const copy = clone(AgentSchema, agent);
  copy.rules.push(...from.rules.filter(({ effect }) => effect !== RuleEffect.ALLOW));
  copy.allowedHosts = commonHosts(agent.allowedHosts, from.allowedHosts);
  return copy;
}
