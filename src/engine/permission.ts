import type { JsonObject } from "@bufbuild/protobuf";
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

/** The strictest decision on any form of the call's arguments. */
async function decide(step: ToolStep, call: ToolCall, tool: Tool, signal: AbortSignal): Promise<Decision> {
  const input = call.arguments ?? {};
  const spellings = tool.spellings?.(input) ?? [input];
  const decisions = await Promise.all(
    spellings.map((spelling) => decideOne(step, { call, tool, input: spelling }, signal)),
  );
  const strictest = (["deny", "ask", "allow"] as const).map((kind) =>
    decisions.find((one) => one.kind === kind),
  );
  return strictest.find((decision) => decision !== undefined) ?? { kind: "deny", why: "Nothing allows it." };
}

function decideOne(
  { session, agent, policy, sandbox }: ToolStep,
  { call, tool, input }: { readonly call: ToolCall; readonly tool: Tool; readonly input: JsonObject },
  signal: AbortSignal,
): Promise<Decision> {
  const request = {
    tool: call.name,
    readOnly: tool.readOnly,
    input,
    mode: session.approvalMode,
    workDir: session.workDir,
    agentRules: toRules(agent.rules),
    sessionRules: toRules(session.rules),
    unconfined: sandbox.mustAsk === true && tool.selfContained !== true,
  };
  return policy.decide(request, signal);
}
