import { Purpose } from "../../../gen/agentry/v1/message_pb.js";
import { withoutDate } from "../catalogue/models.js";
import { member, textOf } from "../json-value.js";
import type { ConversationItem, WireApi } from "./conversation.js";
import { conversationOf } from "./conversation.js";

/** What a request is, whichever program sent it: enough to tell it from the others of a cassette. */
export interface RequestDescription {
  readonly api: WireApi;
  readonly purpose: Purpose;
  /** Without its date; empty where the request names none. */
  readonly model: string;
  readonly items: readonly ConversationItem[];
  /** The last text of the user, trimmed. */
  readonly userText: string;
  readonly toolResults: number;
  /** Method, address and body, without what differs between equal requests. */
  readonly exact: string;
}

/** A request as it can be described. */
export interface DescribedRequest {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  /** Undefined: it is told from the instructions in the request. */
  readonly purpose: Purpose | undefined;
}

/** Describes a recorded or a live request. */
export function describeRequest(request: DescribedRequest): RequestDescription {
  const { method, url, body } = request;
  const api = apiOf(url);
  const json = parseJson(body);
  const { system, items } = conversationOf(api, json);
  const userTexts = items.filter((item) => item.kind === "user");
  const userText = userTexts.at(-1)?.text ?? "";
  return {
    api,
    purpose: request.purpose ?? purposeOf(system, userText, userTexts),
    model: withoutDate(textOf(member(json, "model")) || (/\/models\/([^:/]+):/.exec(url)?.[1] ?? "")),
    items,
    userText,
    toolResults: items.filter((item) => item.kind === "result").length,
    exact: `${method} ${url} ${normalise(body)}`,
  };
}

function apiOf(url: string): WireApi {
  const path = URL.canParse(url) ? new URL(url).pathname : url;
  if (path.endsWith("/messages")) return "anthropic-messages";
  if (path.endsWith("/messages/count_tokens")) return "anthropic-count-tokens";
  if (path.endsWith("/chat/completions")) return "openai-chat";
  if (path.endsWith("/api/chat")) return "ollama-chat";
  if (path.endsWith("/responses")) return "openai-responses";
  if (/:(?:streamG|g)enerateContent$/.test(path)) return "gemini";
  return "other";
}

/** Whether other programs' instructions ask for a title or a summary. */
function purposeOf(system: string, userText: string, all: readonly ConversationItem[]): Purpose {
  // Gemini has no place for instructions in older recordings: they come first among the user's texts.
  const told = `${system}\n${all.length > 1 ? (all[0]?.text ?? "") : ""}`;
  const titled = /\bgenerates? (?:[\w,-]+ ){0,5}titles?\b/i;
  if (titled.test(told) && /\btitle\b/i.test(userText)) return Purpose.TITLE;
  if (/\bsummari[sz](?:e|es|ing) (?:[\w-]+ ){0,3}conversations?\b/i.test(told)) return Purpose.COMPACTION;
  return Purpose.STEP;
}

/** As cagent compares: without tool call ids, token limits and thinking settings. */
function normalise(body: string): string {
  return body
    .replace(/call_[a-z0-9-]+/g, "call_ID")
    .replace(/"(?:max_tokens|max_output_tokens|maxOutputTokens|num_predict)":\d+,?/g, "")
    .replace(/"thinkingConfig":\{[^{}]*\},?/g, "");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
