import type { JsonObject } from "@bufbuild/protobuf";
import type { Agent, ModelSettings } from "../../gen/agentry/v1/agents_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { Message, ToolCall, Usage } from "../../gen/agentry/v1/message_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import type { ModelProviders, ToolDefinition } from "../core/model-provider.js";
import type { Policy } from "../core/policy.js";
import type { Sandbox } from "../core/sandbox.js";
import type { Store } from "../core/store.js";
import type { Tool } from "../core/tool.js";
import { agentTools } from "./agent-tools.js";
import type { Approvals } from "./approvals.js";
import { callModel } from "./call-model.js";
import type { Children, StoppableRun } from "./children.js";
import { closeOpenItems } from "./close-run.js";
import { compactWhenFull } from "./compaction.js";
import { contextOf, totalTokens } from "./context.js";
import type { Conversation } from "./conversations.js";
import type { Elicitations } from "./elicitations.js";
import { validHistory } from "./history.js";
import type { RunOrder } from "./new-run.js";
import type { RetryPolicy } from "./retry.js";
import type { RunWriter } from "./run-writer.js";
import type { ServerParts } from "./server-tools.js";
import { ServerTools } from "./server-tools.js";
import { sessionInForce } from "./session-in-force.js";
import type { SessionLogs } from "./session-logs.js";
import type { StepBudget } from "./step-budget.js";
import { runToolStep } from "./tool-step.js";

/** What every run of an engine works with. */
export interface RunTools {
  readonly store: Store;
  readonly providers: ModelProviders;
  readonly tools: ReadonlyMap<string, Tool>;
  /** Absent: agents have no tools of MCP servers. */
  readonly toolServers?: ServerParts | undefined;
  readonly sandbox: Sandbox;
  readonly policy: Policy;
  readonly approvals: Approvals;
  readonly elicitations: Elicitations;
  readonly retry: RetryPolicy;
  readonly stopMs: number;
  readonly logs: SessionLogs;
  /** How many runs may be above a run that works on a task. */
  readonly maxDepth: number;
  /** Starts the run of a child session. */
  startChild(order: RunOrder): Promise<StoppableRun>;
  /** Tokens that a model can take in one call; 0 where that is not known. */
  contextWindow(settings: ModelSettings): number;
  /** The share of the window above which older turns are summarised. */
  readonly compactAt: number;
}

/** One run, ready to work. */
export interface RunWork {
  readonly writer: RunWriter;
  /** The agent that answers: another one after it has handed the conversation over. */
  agent: Agent;
  readonly conversation: Conversation;
  readonly budget: StepBudget;
  /** How many runs are above this one: 0 for a run that a caller asked for. */
  readonly depth: number;
  readonly children: Children;
  /** Writes the messages that wait for this run into it; false when there are none. */
  absorbSteering(): boolean;
  /** Counts a usage into the session and returns its new total. */
  count(usage: Usage): Usage;
}

/**
 * The loop: model call, tool calls, model call … until the model asks for no tool.
 * @throws Fault when a model call fails for good or `signal` fires; what had begun is still open then.
 */
export async function runLoop(run: RunTools, work: RunWork, signal: AbortSignal): Promise<RunOutcome> {
  const servers = new ServerTools(run, work);
  try {
    return await runSteps(run, work, servers, signal);
  } finally {
    servers.end();
  }
}

async function runSteps(
  run: RunTools,
  work: RunWork,
  servers: ServerTools,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const { writer, conversation, budget } = work;
  for (let step = 1; budget.take(); step += 1) {
    work.absorbSteering();
    await compactWhenFull(run, work, signal);
    const { agent } = work;
    const tools = await agentTools(run, work, servers, signal);
    const definitions = [...tools.values()].map(toDefinition);
    const messages = validHistory(contextOf(conversation.messages));
    const call = { ...run, writer, agent, messages, tools: definitions, usedIds: conversation.callIds, step };
    let tokens = 0;
    const count = (usage: Usage): Usage => {
      tokens = totalTokens(usage);
      return work.count(usage);
    };
    const answer = await callModel({ ...call, count }, signal);
    // A provider that counts nothing leaves it at the estimate.
    if (tokens > 0) conversation.measured = { tokens, messages: conversation.messages.length };
    const calls = callsOf(answer);
    if (calls.length > 0 && budget.hasRoom()) {
      const session = await sessionInForce(run.store, writer.run.sessionId);
      await runToolStep({ ...run, writer, agent, session, tools }, calls, signal);
    } else if (calls.length === 0 && !work.absorbSteering()) {
      return RunOutcome.COMPLETED;
    }
  }
  writer.append(closeOpenItems(writer, closedByLimit));
  return RunOutcome.LIMIT_REACHED;
}

function toDefinition({ name, description, inputSchema }: Tool): ToolDefinition {
  return { name, description, inputSchema: inputSchema satisfies JsonObject };
}

function callsOf({ parts }: Message): ToolCall[] {
  return parts.flatMap(({ content }) => (content.case === "toolCall" ? [content.value] : []));
}

const limitText = "This call did not run: the run had reached its limit of steps.";
const closedByLimit = { status: ToolCallStatus.CANCELED, notRun: limitText, cutShort: limitText } as const;
