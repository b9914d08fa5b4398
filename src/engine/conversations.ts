import type { Message, Part } from "../../gen/agentry/v1/message_pb.js";
import { Role } from "../../gen/agentry/v1/message_pb.js";
import type { Store } from "../core/store.js";

const pageMessages = 1000;
/** What is kept in memory in all, about: the least recently used sessions are dropped first. */
const maxBytes = 64 * 1024 * 1024;
/** What a message takes beside its content, about. */
const messageBytes = 1000;

/** A session's messages in memory. Those of a run are added to it as they are written. */
export interface Conversation {
  readonly messages: Message[];
  /** Ids of all tool calls in it: ids are unique within a session. */
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

/** Keeps the messages of sessions in use, so that turn 1,000 reads no more from the database than turn 10. */
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
    const messages: Message[] = [];
    for (;;) {
      const page = await this.store.messages.list(sessionId, messages.at(-1)?.index ?? 0, pageMessages);
      messages.push(...page);
      if (page.length < pageMessages) break;
    }
    return { messages, callIds: new Set(messages.flatMap(callIdsOf)) };
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
