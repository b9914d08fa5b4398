import type { JsonObject } from "@bufbuild/protobuf";
import { ApprovalState } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import { canceled, Fault } from "../core/fault.js";
import type { Decision } from "../core/policy.js";
import type { Tool } from "../core/tool.js";
import { allowsExactly, namesCalls, toRule, toRules } from "./rules.js";
import { hashCall } from "./tool-arguments.js";
import { withToolContext } from "./tool-context.js";
import type { ToolStep } from "./tool-step.js";

/** A call may run; if somebody was asked, what the verdict depends on. */
export interface Granted {
  readonly granted: true;
  readonly basis?: string | undefined;
}

/** Whether a call may run, or why not, for the model. */
export type Permission = Granted | { readonly granted: false; readonly why: string };

/** Decides on a call by policy, and asks where that says so. */
export async function permissionFor(
  step: ToolStep,
  call: ToolCall,
  tool: Tool,
  signal: AbortSignal,
): Promise<Permission> {
  const { kind, why, eachTime } = await decide(step, call, tool, signal);
  if (kind === "allow") return { granted: true };
  if (kind === "deny") return { granted: false, why };
  const isKnown = !eachTime && allowsExactly(step.session.rules, call);
  return isKnown ? { granted: true } : askFor(step, call, tool, signal);
}

/** Asks for an approval, whatever policy says. */
export async function askFor(
  step: ToolStep,
  call: ToolCall,
  tool: Tool,
  signal: AbortSignal,
): Promise<Permission> {
  const input = call.arguments ?? {};
  const prepared = await withToolContext(step, call, signal, async (context) =>
    tool.prepare?.(input, context, signal).catch(Fault.from),
  );
  if (signal.aborted) throw canceled("the run was canceled");
  if (prepared instanceof Fault) return { granted: false, why: "The call failed: the tool itself failed" };
  const summary = (prepared?.summary ?? tool.summarize(input)).toWellFormed();
  const { state, comment } = await step.approvals.ask(step.writer, call, summary, signal);
  if (state === ApprovalState.APPROVED) return { granted: true, basis: prepared?.basis };
  return {
    granted: false,
    why: comment ? `The user denied this call: ${comment}` : "The user denied this call.",
  };
}

/** The strictest decision on any form of the call's arguments. */
async function decide(step: ToolStep, call: ToolCall, tool: Tool, signal: AbortSignal): Promise<Decision> {
  const input = call.arguments ?? {};
  const spellings = tool.spellings?.(input) ?? [input];
  const decisions = await Promise.all(
    spellings.map((spelling) => decideOne(step, { call, tool, input: spelling }, signal)),
  );
  const strictest = [
    decisions.find(({ kind }) => kind === "deny"),
    decisions.find(({ kind, eachTime }) => kind === "ask" && eachTime),
    decisions.find(({ kind }) => kind === "ask"),
    decisions[0],
  ];
  return strictest.find((decision) => decision !== undefined) ?? { kind: "deny", why: "Nothing allows it." };
}

function decideOne(
  { session, agent, policy, sandbox }: ToolStep,
  { call, tool, input }: { readonly call: ToolCall; readonly tool: Tool; readonly input: JsonObject },
  signal: AbortSignal,
): Promise<Decision> {
  const request = {
    tool: call.name,
    alsoNamed: tool.alsoNamed,
    readOnly: tool.readOnly,
    input,
    mode: session.approvalMode,
    workDir: session.workDir,
    ...(namesCalls([...agent.rules, ...session.rules]) && {
      argumentsSha256: hashCall(call.name, call.arguments ?? {}),
    }),
    agentRules: agent.rules.map(toRule),
    sessionRules: toRules(session.rules),
    unconfined: sandbox.mustAsk === true && tool.selfContained !== true,
  };
  return policy.decide(request, signal);
}
