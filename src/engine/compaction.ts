import { create } from "@bufbuild/protobuf";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Purpose, Role } from "../../gen/agentry/v1/message_pb.js";
import { canceled, Fault } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { Write } from "../core/store.js";
import { modelName } from "./call-model.js";
import type { ContextCut } from "./context.js";
import { contextTokens, cutContext, estimateTokens, maxTokens } from "./context.js";
import type { RunTools, RunWork } from "./run-loop.js";
import { textPart } from "./run-progress.js";
import type { Summary } from "./summarize.js";
import { summarize } from "./summarize.js";

const introduction = "Summary of the conversation before this point, in place of its messages:\n\n";

/** The message that stands for the older part of a context, whose messages are stored. */
export function summaryMessage({ older }: ContextCut, text: string): Message {
  return create(MessageSchema, {
    id: newId(),
    role: Role.USER,
    parts: [textPart(introduction + text)],
    summaryThrough: lastIndex(older),
  });
}

/** Tokens of the context with a summary, from those without it: as characters have shrunk, so have tokens. */
export function tokensAfter(tokensBefore: number, { older, kept }: ContextCut, summary: Message): number {
  const before = estimateTokens(older) + estimateTokens(kept);
  const after = estimateTokens([summary]) + estimateTokens(kept);
  return Math.min(Math.round((tokensBefore * after) / Math.max(before, 1)), maxTokens);
}

/**
 * Before a model call: summarises the turns before the last one when the context has passed its share of the
 * model's window. One that fails is a warning, and is tried again only when there is more to summarise.
 * @throws Fault `canceled` when `signal` fires; the compaction is still open then.
 */
export async function compactWhenFull(tools: RunTools, work: RunWork, signal: AbortSignal): Promise<void> {
  const { agent, conversation, writer } = work;
  const contextWindow = agent.model ? tools.contextWindow(agent.model) : 0;
  if (!agent.model || contextWindow <= 0) return;
  const tokensBefore = contextTokens(conversation);
  const cut = tokensBefore > contextWindow * tools.compactAt ? cutContext(conversation.messages) : undefined;
  if (!cut) return;
  // Messages know their index when they are stored, and a summary names one.
  if ((await writer.log.durable()) !== "written") throw canceled("another writer holds the session");
  if (conversation.notCompacted === lastIndex(cut.older)) return;
  writer.emit({ case: "compactionStarted", value: { tokensBefore } });
  const { sessionId } = writer.run;
  const call = { ...tools, settings: agent.model, sessionId, messages: cut.older };
  const outcome = await summarize(call, signal).catch(Fault.from);
  if (signal.aborted) throw canceled("the run was canceled");
  if (outcome instanceof Fault) return giveUp(work, cut, tokensBefore, outcome.message);
  writer.append(usageWrites(work, outcome));
  if (!outcome.text) return giveUp(work, cut, tokensBefore, "the model gave no summary");
  const summary = summaryMessage(cut, outcome.text);
  const after = tokensAfter(tokensBefore, cut, summary);
  const value = { tokensBefore, tokensAfter: after, messageId: summary.id };
  writer.append([...writer.message(summary), writer.event({ case: "compactionFinished", value })]);
  conversation.measured = { tokens: after, messages: conversation.messages.length };
}

function giveUp({ writer, conversation }: RunWork, cut: ContextCut, tokens: number, why: string): void {
  conversation.notCompacted = lastIndex(cut.older);
  const value = { tokensBefore: tokens, tokensAfter: tokens };
  const message = `Older turns could not be summarised: ${why}`.toWellFormed();
  writer.append([
    writer.event({ case: "compactionFinished", value }),
    writer.event({ case: "warningRaised", value: { message } }),
  ]);
}

function usageWrites({ writer, agent, count }: RunWork, { usage }: Summary): Write[] {
  if (!agent.model) return [];
  const value = { purpose: Purpose.COMPACTION, model: modelName(agent.model), usage };
  return [
    { type: "usage", runId: writer.run.id, ...value },
    writer.event({ case: "usageUpdated", value: { ...value, sessionUsage: count(usage) } }),
    writer.state(writer.run.state),
  ];
}

function lastIndex(messages: readonly Message[]): number {
  return messages.at(-1)?.index ?? 0;
}
