import { ApprovalState } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import type { Decision } from "../core/policy.js";
import type { Tool } from "../core/tool.js";
import { allowsExactly, toRules } from "./rules.js";
import type { ToolStep } from "./tool-step.js";

/** Whether a call may run: undefined when it may, else why it may not, for the model. */
export async function refusalOf(
  step: ToolStep,
  call: ToolCall,
  tool: Tool,
  signal: AbortSignal,
): Promise<string | undefined> {
  const decision = await decide(step, call, tool, signal);
  if (decision.kind === "allow") return undefined;
  if (decision.kind === "deny") return decision.why;
  if (allowsExactly(step.session.rules, call)) return undefined;
  const summary = tool.summarize(call.arguments ?? {}).toWellFormed();
  const { state, comment } = await step.approvals.ask(step.writer, call, summary, signal);
  if (state === ApprovalState.APPROVED) return undefined;
  return comment ? `The user denied this call: ${comment}` : "The user denied this call.";
}

function decide(
  { session, agent, policy }: ToolStep,
  call: ToolCall,
  tool: Tool,
  signal: AbortSignal,
): Promise<Decision> {
  const request = {
    tool: call.name,
    readOnly: tool.readOnly,
    input: call.arguments ?? {},
    mode: session.approvalMode,
    workDir: session.workDir,
    agentRules: toRules(agent.rules),
    sessionRules: toRules(session.rules),
  };
  return policy.decide(request, signal);
}
