import { setImmediate as nextTurn } from "node:timers/promises";
import type { Message, Part } from "../../gen/agentry/v1/message_pb.js";
import { Role } from "../../gen/agentry/v1/message_pb.js";
import type { Store } from "../core/store.js";
import { contextOf, isSummary } from "./context.js";

/** How many are read in one turn of the event loop. */
const pageMessages = 250;
/** What is kept in memory in all, about: the least recently used sessions are dropped first. */
const maxBytes = 64 * 1024 * 1024;
/** What a message takes beside its content, about. */
const messageBytes = 1000;

/**
 * A session's messages in memory, but those that a summary stands for. Those of a run are added to it as they are
 * written.
 */
export interface Conversation {
  readonly messages: Message[];
  /** Ids of all tool calls of the session, within which they are unique. */
  readonly callIds: Set<string>;
  /** What the last model call counted, its answer included, and how many messages there were after it. */
  measured?: { readonly tokens: number; readonly messages: number };
  /** Index of the last message that a compaction was to cover and, failing, did not. */
  notCompacted?: number;
}

interface Kept {
  readonly conversation: Conversation;
  /** How many of its messages are counted in `bytes`. */
  weighed: number;
  bytes: number;
}

/** Keeps the contexts of sessions in use, so that turn 1,000 reads no more from the database than turn 10. */
export class Conversations {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(private readonly store: Store) {}

  async load(sessionId: string): Promise<Conversation> {
    const kept = this.#kept.get(sessionId) ?? {
      conversation: await this.#read(sessionId),
      weighed: 0,
      bytes: 0,
    };
    this.forget(sessionId);
    drop(kept);
    this.#weigh(kept);
    // Last in the map is the most recently used.
    this.#kept.set(sessionId, kept);
    this.#bytes += kept.bytes;
    this.#trim();
    return kept.conversation;
  }

  /** Forgets a session whose messages have changed behind it, or that is gone. */
  forget(sessionId: string): void {
    this.#bytes -= this.#kept.get(sessionId)?.bytes ?? 0;
    this.#kept.delete(sessionId);
  }

  async #read(sessionId: string): Promise<Conversation> {
    const callIds = new Set<string>();
    let messages: Message[] = [];
    for (let after = 0; ; await nextTurn()) {
      const page = await this.store.messages.list(sessionId, after, pageMessages);
      for (const id of page.flatMap(callIdsOf)) callIds.add(id);
      messages.push(...page);
      if (page.some(isSummary)) messages = [...contextOf(messages)];
      if (page.length < pageMessages) return { messages, callIds };
      after = page.at(-1)?.index ?? after;
    }
  }

  #weigh(kept: Kept): void {
    const { messages } = kept.conversation;
    for (const message of messages.slice(kept.weighed)) kept.bytes += weightOf(message);
    kept.weighed = messages.length;
  }

  #trim(): void {
    for (const sessionId of this.#kept.keys()) {
      if (this.#bytes <= maxBytes || this.#kept.size === 1) return;
      this.forget(sessionId);
    }
  }
}

/** Drops what has been summarised since. */
function drop(kept: Kept): void {
  const { messages, measured } = kept.conversation;
  const context = contextOf(messages);
  const dropped = messages.length - context.length;
  if (dropped === 0) return;
  messages.splice(0, messages.length, ...context);
  if (measured) kept.conversation.measured = { ...measured, messages: measured.messages - dropped };
  kept.weighed = 0;
  kept.bytes = 0;
}

function weightOf({ parts }: Message): number {
  return parts.reduce((sum, part) => sum + partBytes(part), messageBytes);
}

function partBytes({ content }: Part): number {
  switch (content.case) {
    case "text":
      return content.value.length;
    case "reasoning":
      return content.value.text.length + content.value.redacted.length + content.value.signature.length;
    case "toolCall":
      return JSON.stringify(content.value.arguments ?? {}).length + content.value.invalidArguments.length;
    case "toolResult":
      return (
        content.value.output.length + content.value.blobs.reduce((sum, blob) => sum + blob.data.length, 0)
      );
    case "blob":
      return content.value.data.length;
    case undefined:
      return 0;
    default:
      return content satisfies never;
  }
}

function callIdsOf({ role, parts }: Message): string[] {
  if (role !== Role.ASSISTANT) return [];
  return parts.flatMap(({ content }) => (content.case === "toolCall" ? [content.value.id] : []));
}
