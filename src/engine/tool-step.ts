import { create } from "@bufbuild/protobuf";
import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import type { ToolCall, ToolResult } from "../../gen/agentry/v1/message_pb.js";
import { ToolCallStatus, ToolResultSchema } from "../../gen/agentry/v1/message_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { canceled, Fault } from "../core/fault.js";
import type { Policy } from "../core/policy.js";
import type { Sandbox } from "../core/sandbox.js";
import type { Store } from "../core/store.js";
import type { Tool, ToolOutput } from "../core/tool.js";
import type { Approvals } from "./approvals.js";
import { toolMessage } from "./close-run.js";
import type { Elicitations } from "./elicitations.js";
import { executeCall } from "./execute-call.js";
import { permissionFor } from "./permission.js";
import type { RunWriter } from "./run-writer.js";
import { Turnstile } from "./turnstile.js";

/** What the tool calls of a step need. */
export interface ToolStep {
  readonly writer: RunWriter;
  readonly session: Session;
  readonly agent: Agent;
  readonly store: Store;
  readonly policy: Policy;
  /** The tools that the agent has, by name. */
  readonly tools: ReadonlyMap<string, Tool>;
  readonly sandbox: Sandbox;
  readonly approvals: Approvals;
  readonly elicitations: Elicitations;
  /** Milliseconds that a tool has to stop after a cancel before it is left behind. */
  readonly stopMs: number;
}

/**
 * Runs the calls of an assistant message and writes the message with their results. Approvals are asked
 * for all at once; calls that only read run beside each other, the others one at a time in their order.
 * @throws Fault `canceled` when `signal` fires; results that are there by then have been written.
 */
export async function runToolStep(
  step: ToolStep,
  calls: readonly ToolCall[],
  signal: AbortSignal,
): Promise<void> {
  const turnstile = new Turnstile();
  const outcomes = await Promise.allSettled(calls.map((call) => runCall(step, call, turnstile, signal)));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw Fault.from(outcome.reason);
  const { writer } = step;
  writer.append(writer.message(toolMessage(calls, writer.progress.results)));
}

async function runCall(
  step: ToolStep,
  call: ToolCall,
  turnstile: Turnstile,
  signal: AbortSignal,
): Promise<void> {
  const { writer, sandbox } = step;
  const tool = step.tools.get(call.name);
  writer.emit({ case: "toolCallStarted", value: { toolCall: call, sandbox: confinementOf(tool, sandbox) } });
  const why = whyUnfit(call, tool);
  if (why !== undefined || !tool) return finishCall(writer, call, failed(why ?? ""), 0);
  const permission = await permissionFor(step, call, tool, signal);
  if (!permission.granted) return finishCall(writer, call, denied(permission.why), 0);
  await turnstile.run(!tool.readOnly, async () => {
    if (signal.aborted) throw canceled("the run was canceled");
    // The log says that the call has begun before it can have an effect.
    if ((await writer.log.durable()) !== "written") throw canceled("another writer holds the session");
    const { output, refused, durationMs } = await executeCall({ step, call, tool, permission }, signal);
    finishCall(writer, call, output ? toResult(output) : denied(refused), durationMs);
  });
}

type ResultInit = { readonly status?: ToolCallStatus; readonly output?: string } & Partial<
  Pick<ToolResult, "truncated" | "blobs">
>;

/** What confines a tool, as `ToolCallStarted` says it. */
function confinementOf(tool: Tool | undefined, { name }: Sandbox): string {
  if (!tool || tool.selfContained) return "";
  return tool.sandboxed ? name : "none";
}

/** Why a call cannot even be decided on, for the model; undefined when it can. */
function whyUnfit(call: ToolCall, tool: Tool | undefined): string | undefined {
  if (!tool) return `There is no tool ${JSON.stringify(call.name)}.`;
  if (!call.invalidArguments) return undefined;
  return "The arguments are not a JSON object, or are too deep or too long. The call did not run.";
}

function finishCall(writer: RunWriter, call: ToolCall, init: ResultInit, durationMs: number): void {
  const result = create(ToolResultSchema, { ...init, toolCallId: call.id, name: call.name });
  writer.emit({ case: "toolCallFinished", value: { result, durationMs } });
}

function toResult(output: ToolOutput): ResultInit {
  return {
    status: output.timedOut
      ? ToolCallStatus.TIMED_OUT
      : output.failed
        ? ToolCallStatus.FAILED
        : ToolCallStatus.SUCCEEDED,
    output: output.text.toWellFormed(),
    truncated: output.truncated ?? false,
    blobs: [...(output.blobs ?? [])],
  };
}

const failed = (output: string): ResultInit => ({ status: ToolCallStatus.FAILED, output });
const denied = (output: string): ResultInit => ({ status: ToolCallStatus.DENIED, output });
