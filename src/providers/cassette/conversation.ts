import { listOf, member, textOf } from "../json-value.js";

/** The APIs whose requests are told apart. */
export type WireApi =
  | "anthropic-messages"
  | "anthropic-count-tokens"
  | "openai-chat"
  | "openai-responses"
  | "ollama-chat"
  | "gemini"
  | "other";

/** One thing said in a conversation, without ids and without what tools answered. */
export interface ConversationItem {
  readonly kind: "user" | "assistant" | "call" | "result";
  /** Trimmed text; a call's name and arguments; nothing for a result. */
  readonly text: string;
}

/** What was said so far, as a request to a model tells it. */
export interface Conversation {
  readonly system: string;
  readonly items: readonly ConversationItem[];
}

/** What was said in a request's body; nothing for a body that is not understood. */
export function conversationOf(api: WireApi, body: unknown): Conversation {
  switch (api) {
    case "anthropic-messages":
    case "anthropic-count-tokens":
      return {
        system: allText(member(body, "system")),
        items: listOf(member(body, "messages")).flatMap(anthropicItems),
      };
    case "openai-chat":
    case "ollama-chat":
      return withSystem(listOf(member(body, "messages")), chatItems);
    case "openai-responses": {
      const input = member(body, "input");
      const entries = typeof input === "string" ? [{ role: "user", content: input }] : listOf(input);
      const conversation = withSystem(entries, responsesItems);
      return { ...conversation, system: textOf(member(body, "instructions")) + conversation.system };
    }
    case "gemini":
      return {
        system: allText(member(member(body, "systemInstruction"), "parts")),
        items: listOf(member(body, "contents")).flatMap(geminiItems),
      };
    case "other":
      return { system: "", items: [] };
    default:
      return api satisfies never;
  }
}

function withSystem(
  entries: readonly unknown[],
  toItems: (entry: unknown) => ConversationItem[],
): Conversation {
  const isSystem = (entry: unknown) => /^(?:system|developer)$/.test(textOf(member(entry, "role")));
  return {
    system: entries
      .filter(isSystem)
      .map((entry) => allText(member(entry, "content")))
      .join("\n"),
    items: entries.filter((entry) => !isSystem(entry)).flatMap(toItems),
  };
}

function anthropicItems(message: unknown): ConversationItem[] {
  const kind = speaker(message);
  const content = member(message, "content");
  if (typeof content === "string") return said(kind, content);
  return listOf(content).flatMap((block): ConversationItem[] => {
    switch (member(block, "type")) {
      case "text":
        return said(kind, textOf(member(block, "text")));
      case "tool_use":
        return [call(member(block, "name"), member(block, "input"))];
      case "tool_result":
        return [{ kind: "result", text: "" }];
      default:
        return [];
    }
  });
}

function chatItems(message: unknown): ConversationItem[] {
  if (member(message, "role") === "tool") return [{ kind: "result", text: "" }];
  const calls = listOf(member(message, "tool_calls")).map((entry) => {
    const called = member(entry, "function");
    return call(member(called, "name"), fromJson(member(called, "arguments")));
  });
  return [...said(speaker(message), allText(member(message, "content"))), ...calls];
}

function responsesItems(item: unknown): ConversationItem[] {
  switch (member(item, "type")) {
    case "function_call":
      return [call(member(item, "name"), fromJson(member(item, "arguments")))];
    case "function_call_output":
      return [{ kind: "result", text: "" }];
    default:
      return said(speaker(item), allText(member(item, "content")));
  }
}

function geminiItems(content: unknown): ConversationItem[] {
  const kind = member(content, "role") === "model" ? "assistant" : "user";
  return listOf(member(content, "parts")).flatMap((part): ConversationItem[] => {
    const called = member(part, "functionCall");
    if (called) return [call(member(called, "name"), member(called, "args"))];
    if (member(part, "functionResponse")) return [{ kind: "result", text: "" }];
    return said(kind, textOf(member(part, "text")));
  });
}

function speaker(message: unknown): "user" | "assistant" {
  return member(message, "role") === "assistant" ? "assistant" : "user";
}

function said(kind: "user" | "assistant", text: string): ConversationItem[] {
  const trimmed = text.trim();
  return trimmed === "" ? [] : [{ kind, text: trimmed }];
}

function call(name: unknown, input: unknown): ConversationItem {
  return { kind: "call", text: `${textOf(name)} ${canonical(input ?? {})}` };
}

/** A text, or the texts of a list of parts. */
function allText(content: unknown): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((part) => textOf(member(part, "text")))
    .filter((text) => text !== "")
    .join("\n");
}

/** Arguments: OpenAI's are the text of their JSON, Ollama's are the JSON itself. */
function fromJson(text: unknown): unknown {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text || "{}");
  } catch {
    return text;
  }
}

/** JSON with the members of objects in order of their names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
