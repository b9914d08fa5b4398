import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { Role } from "../../gen/agentry/v1/message_pb.js";
import type { Store } from "../core/store.js";

const pageMessages = 1000;
/** Messages kept in memory in all; the least recently used sessions are dropped first. */
const maxMessages = 50_000;

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

/** Keeps the messages of sessions in use, so that turn 1,000 reads no more from the database than turn 10. */
export class Conversations {
  readonly #kept = new Map<string, Conversation>();

  constructor(private readonly store: Store) {}

  async load(sessionId: string): Promise<Conversation> {
    const conversation = this.#kept.get(sessionId) ?? (await this.#read(sessionId));
    // Last in the map is the most recently used.
    this.#kept.delete(sessionId);
    this.#kept.set(sessionId, conversation);
    this.#trim();
    return conversation;
  }

  /** Forgets a session whose messages have changed behind it, or that is gone. */
  forget(sessionId: string): void {
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

  #trim(): void {
    let total = 0;
    for (const { messages } of this.#kept.values()) total += messages.length;
    for (const [sessionId, { messages }] of this.#kept) {
      if (total <= maxMessages || this.#kept.size === 1) return;
      this.#kept.delete(sessionId);
      total -= messages.length;
    }
  }
}

function callIdsOf({ role, parts }: Message): string[] {
  if (role !== Role.ASSISTANT) return [];
  return parts.flatMap(({ content }) => (content.case === "toolCall" ? [content.value.id] : []));
}
