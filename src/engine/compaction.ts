import { create } from "@bufbuild/protobuf";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Purpose, Role } from "../../gen/agentry/v1/message_pb.js";
import { canceled, Fault } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { Write } from "../core/store.js";
import { modelName } from "./call-model.js";
import type { ContextCut } from "./context.js";
import { contextTokens, cutContext, estimateTokens, maxTokens } from "./context.js";
import type { Conversation } from "./conversations.js";
import type { RunTools, RunWork } from "./run-loop.js";
import { textPart } from "./run-progress.js";
import type { Summary } from "./summarize.js";
import { summarize } from "./summarize.js";

const introduction = "Summary of the conversation before this point, in place of its messages:\n\n";

const request = "\n\nWhat the user has asked for, and is being worked on, word for word:";

/** So much of the window may be kept of a turn that is cut. */
const keptShare = 1 / 4;
/** How many more messages of a turn make it worth to try again what has failed. */
const retryMessages = 20;

/** The message that stands for the older part of a context, whose messages are stored. */
export function summaryMessage({ older, request: asked = [] }: ContextCut, text: string): Message {
  return create(MessageSchema, {
    id: newId(),
    role: Role.USER,
    parts: [textPart(introduction + text + (asked.length > 0 ? request : "")), ...asked],
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
 * Before a model call: summarises the turns before the last one, or the first steps of a long one, when the context
 * has passed its share of the model's window. One that fails is a warning, and is tried again only when there is more
 * to summarise.
 * @throws Fault `canceled` when `signal` fires; the compaction is still open then.
 */
export async function compactWhenFull(tools: RunTools, work: RunWork, signal: AbortSignal): Promise<void> {
  const { agent, conversation, writer } = work;
  const contextWindow = agent.model ? tools.contextWindow(agent.model) : 0;
  if (!agent.model || contextWindow <= 0) return;
  const tokensBefore = contextTokens(conversation);
  const cut =
    tokensBefore > contextWindow * tools.compactAt
      ? cutContext(conversation.messages, contextWindow * keptShare)
      : undefined;
  if (!cut) return;
  // Messages know their index when they are stored, and a summary names one.
  if ((await writer.log.durable()) !== "written") throw canceled("another writer holds the session");
  if (hasFailed(conversation, cut)) return;
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

/** Whether this has been tried in vain, and there is not much more by now. */
function hasFailed({ notCompacted }: Conversation, { older, request: asked }: ContextCut): boolean {
  if (notCompacted === undefined) return false;
  return lastIndex(older) < notCompacted + (asked ? retryMessages : 1);
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
