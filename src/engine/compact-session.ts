import { create } from "@bufbuild/protobuf";
import type { Agent, ModelSettings } from "../../gen/agentry/v1/agents_pb.js";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import type { Message, Usage } from "../../gen/agentry/v1/message_pb.js";
import { Purpose } from "../../gen/agentry/v1/message_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { canceled, Fault, invalid, notFound } from "../core/fault.js";
import type { Store, Write } from "../core/store.js";
import { busy, letLeave } from "./admission.js";
import { modelName } from "./call-model.js";
import { summaryMessage, tokensAfter } from "./compaction.js";
import { contextTokens, cutContext } from "./context.js";
import type { Lane } from "./lane.js";
import type { EngineParts } from "./lane-runs.js";
import { epochOf, refused } from "./open-writer.js";
import type { EventBody } from "./run-writer.js";
import { summarize } from "./summarize.js";
import { addUsage, noUsage } from "./usage.js";

/** What a compaction that a caller asked for comes to. */
export interface SessionCompaction {
  readonly tokensBefore: number;
  /** An estimate. */
  readonly tokensAfter: number;
  /** Undefined when there was nothing left to summarise. */
  readonly message: Message | undefined;
}

/**
 * Summarises the turns of a session before the last one, or, where nothing is before it, its steps but the last.
 * Called within the lane's turn, which it keeps while the model works. Its events belong to no run and are written
 * together, so that none can be left without the others.
 * @throws Fault `busy` when the session has a run; as the provider does.
 */
export async function compactSession(
  parts: EngineParts,
  lane: Lane,
  sessionId: string,
  signal: AbortSignal,
): Promise<SessionCompaction> {
  const session = await parts.store.sessions.get(sessionId);
  if (!session) throw notFound("session", sessionId);
  await letLeave(lane);
  if (lane.active || lane.queue.length > 0) throw busy(session, lane);
  const conversation = await parts.conversations.load(sessionId);
  const tokensBefore = contextTokens(conversation);
  const { messages } = conversation;
  const cut = cutContext(messages, Number.POSITIVE_INFINITY) ?? cutContext(messages, 0);
  if (!cut) return { tokensBefore, tokensAfter: tokensBefore, message: undefined };
  const settings = await modelOf(parts, session);
  const answer = await summarize({ ...parts.run, settings, sessionId, messages: cut.older }, signal);
  if (signal.aborted) throw canceled();
  const message = answer.text
    ? { ...summaryMessage(cut, answer.text), sessionId, createdAt: parts.stamp() }
    : undefined;
  const tokens = message ? tokensAfter(tokensBefore, cut, message) : tokensBefore;
  const outcome = { tokensBefore, tokensAfter: tokens, message };
  const usage = { model: modelName(settings), usage: answer.usage };
  await commit(parts, sessionId, await writesOf(parts, sessionId, outcome, usage));
  if (!message) throw new Fault("unavailable", "the model gave no summary", { retryable: true });
  conversation.messages.push(message);
  conversation.measured = { tokens, messages: conversation.messages.length };
  return outcome;
}

async function writesOf(
  { store, stamp }: EngineParts,
  sessionId: string,
  { tokensBefore, tokensAfter: after, message }: SessionCompaction,
  used: { readonly model: string; readonly usage: Usage },
): Promise<Write[]> {
  const event = (body: EventBody): Write => ({
    type: "event",
    event: create(EventSchema, { sessionId, time: stamp(), body }),
  });
  const call = { purpose: Purpose.COMPACTION, ...used };
  const session = await store.sessions.get(sessionId);
  const sessionUsage = addUsage(session?.usage ?? noUsage(), used.usage);
  const added: Write[] = message
    ? [{ type: "message", message }, event({ case: "messageAdded", value: { message } })]
    : [];
  const finished = { tokensBefore, tokensAfter: after, messageId: message?.id ?? "" };
  return [
    event({ case: "compactionStarted", value: { tokensBefore } }),
    { type: "usage", runId: "", ...call },
    event({ case: "usageUpdated", value: { ...call, sessionUsage } }),
    ...added,
    event({ case: "compactionFinished", value: finished }),
  ];
}

/** The model of the session's agent, or of the one that answered last. */
async function modelOf({ store }: EngineParts, { id, agentId }: Session): Promise<ModelSettings> {
  const agent = agentId ? await store.agents.get(agentId) : await lastAgent(store, id);
  if (!agent && agentId) throw notFound("agent", agentId);
  if (!agent?.model) throw invalid("the session has no agent with a model");
  return agent.model;
}

async function lastAgent(store: Store, sessionId: string): Promise<Agent | undefined> {
  const { items } = await store.runs.list(sessionId, { limit: 1 });
  return items[0] && (await store.runs.details(items[0].id))?.agent;
}

async function commit(parts: EngineParts, sessionId: string, writes: Write[]): Promise<void> {
  const held = await parts.logs.hold(sessionId);
  try {
    const epoch = await epochOf(parts, sessionId);
    const result = await held.log.commit(writes, epoch);
    if (result === "written") return;
    parts.conversations.forget(sessionId);
    throw refused(parts, sessionId, result);
  } finally {
    held.release();
  }
}
