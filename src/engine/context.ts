import type { Message, Part, Usage } from "../../gen/agentry/v1/message_pb.js";
import { Role } from "../../gen/agentry/v1/message_pb.js";
import type { Conversation } from "./conversations.js";

/** Characters of a token, about. */
const tokenCharacters = 4;
/** What a field of events can hold. */
export const maxTokens = 2 ** 32 - 1;
/** What an image costs, about. */
const blobTokens = 1500;

/** The messages that models are sent: the newest summary, then all that it does not stand for. */
export function contextOf(messages: readonly Message[]): readonly Message[] {
  const summary = messages.findLast(isSummary);
  if (!summary) return messages;
  // A message that has no index yet is newer than any summary.
  const isLater = ({ index }: Message): boolean => index === 0 || index > summary.summaryThrough;
  return [summary, ...messages.filter((message) => isLater(message) && !isSummary(message))];
}

/** Where a context is cut. */
export interface ContextCut {
  /** To be summarised: the summary so far, then whole turns, and of a long last turn its first steps. */
  readonly older: readonly Message[];
  /** The last turn of the user, whole, or its last steps. */
  readonly kept: readonly Message[];
  /** Where the last turn is cut: what the user asked for in it, which its summary is to hold word for word. */
  readonly request?: readonly Part[];
}

/**
 * Cuts before the last turn, or, where there is nothing before it or it is too long by itself, within it: between
 * its steps, so that calls stay with their results. Of such a turn its last steps are kept, as many as have
 * `keepTokens`, and one at least. Undefined when nothing is older than that but what has been summarised, or too
 * little of it.
 */
export function cutContext(messages: readonly Message[], keepTokens: number): ContextCut | undefined {
  const context = contextOf(messages);
  const first = context[0] && isSummary(context[0]) ? 1 : 0;
  const turn = turnStart(context, first);
  const whole = turn > first ? { older: context.slice(0, turn), kept: context.slice(turn) } : undefined;
  if (whole && estimateTokens(whole.kept) <= 2 * keepTokens) return whole;
  const at = stepStart(context, turn, keepTokens);
  if (at === undefined) return whole;
  return { older: context.slice(0, at), kept: context.slice(at), request: requestOf(context, turn) };
}

/** Where the last turn begins. A turn that has been cut begins right after its summary. */
function turnStart(context: readonly Message[], first: number): number {
  let at = context.findLastIndex(({ role }, i) => role === Role.USER && i >= first);
  while (at > first && context[at - 1]?.role === Role.USER) at -= 1;
  return Math.max(at, first);
}

/** The step of a turn from which on it is kept; undefined when the steps before it are not worth a summary. */
function stepStart(context: readonly Message[], turn: number, keepTokens: number): number | undefined {
  const steps = context.flatMap(({ role }, i) => (role === Role.ASSISTANT && i >= turn ? [i] : []));
  const [first, ...later] = steps;
  const fits = (at: number): boolean => estimateTokens(context.slice(at)) <= keepTokens;
  const at = later.find(fits) ?? later.at(-1);
  if (first === undefined || at === undefined) return undefined;
  return estimateTokens(context.slice(first, at)) >= keepTokens / 2 ? at : undefined;
}

function requestOf(context: readonly Message[], turn: number): readonly Part[] {
  const end = context.findIndex(({ role }, i) => i >= turn && role !== Role.USER);
  const asked = context.slice(turn, end).flatMap(({ parts }) => parts);
  // The summary of a turn that has been cut holds it after its own text.
  return asked.length > 0 ? asked : (context[0]?.parts.slice(1) ?? []);
}

/** Tokens of the next request: what the last model call counted, and an estimate of what has come since. */
export function contextTokens({ messages, measured }: Conversation): number {
  if (!measured) return estimateTokens(contextOf(messages));
  return Math.min(measured.tokens + estimateTokens(messages.slice(measured.messages)), maxTokens);
}

/** About how many tokens messages are. */
export function estimateTokens(messages: readonly Message[]): number {
  let tokens = 0;
  for (const { parts } of messages) for (const part of parts) tokens += partTokens(part);
  return Math.ceil(tokens);
}

/** All tokens of a model call, the answer included. */
export function totalTokens(usage: Usage): number {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage;
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens;
}

/** Whether a message stands for those before it. */
export function isSummary({ summaryThrough }: Message): boolean {
  return summaryThrough > 0;
}

function partTokens({ content }: Part): number {
  switch (content.case) {
    case "text":
      return content.value.length / tokenCharacters;
    case "reasoning":
      return (content.value.text.length + content.value.redacted.length) / tokenCharacters;
    case "toolCall": {
      const { name, arguments: input, invalidArguments } = content.value;
      return (name.length + JSON.stringify(input ?? {}).length + invalidArguments.length) / tokenCharacters;
    }
    case "toolResult":
      return content.value.output.length / tokenCharacters + content.value.blobs.length * blobTokens;
    case "blob":
      return blobTokens;
    case undefined:
      return 0;
    default:
      return content satisfies never;
  }
}
