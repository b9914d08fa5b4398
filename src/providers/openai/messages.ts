import type OpenAI from "openai";
import type { Message, Part } from "../../../gen/agentry/v1/message_pb.js";
import { Role } from "../../../gen/agentry/v1/message_pb.js";
import type { ChatQuirks } from "../catalogue/providers.js";
import type { Shown } from "../history.js";
import { safeToolCallId, safeToolName, shortToolCallId, showBlob } from "../history.js";

type Param = OpenAI.Chat.ChatCompletionMessageParam;
type Content = OpenAI.Chat.ChatCompletionContentPart;

/**
 * A history as Chat Completions takes it, the system prompt first. Assistant messages without text and calls
 * are dropped. Images that tools returned follow the results in a user message, since a tool message holds
 * text alone.
 */
export function toChatMessages(system: string, messages: readonly Message[], quirks: ChatQuirks): Param[] {
  const params: Param[] = [];
  if (system.trim() !== "") params.push({ role: "system", content: system });
  for (const message of messages) {
    switch (message.role) {
      case Role.ASSISTANT:
        params.push(...toAssistant(message.parts, quirks));
        break;
      case Role.TOOL:
        params.push(...toResults(message.parts, quirks));
        break;
      case Role.USER:
      case Role.UNSPECIFIED:
        params.push(toUser(message.parts.flatMap((part) => toContent(part, quirks))));
        break;
      default:
        message.role satisfies never;
    }
  }
  return params;
}

function toUser(content: Content[]): Param {
  if (content.length === 0) return { role: "user", content: "(empty message)" };
  const [first, second] = content;
  // Plain text is understood by every server that speaks this API, lists by most.
  if (first?.type === "text" && !second) return { role: "user", content: first.text };
  return { role: "user", content };
}

function toAssistant(parts: readonly Part[], quirks: ChatQuirks): Param[] {
  let text = "";
  let reasoning = "";
  const calls: OpenAI.Chat.ChatCompletionMessageToolCall[] = [];
  for (const { content } of parts) {
    if (content.case === "text") text += content.value;
    if (content.case === "reasoning") reasoning += content.value.text;
    if (content.case !== "toolCall") continue;
    const { id, name, arguments: input } = content.value;
    calls.push({
      type: "function",
      id: toolCallId(id, quirks),
      function: { name: safeToolName(name), arguments: JSON.stringify(input ?? {}) },
    });
  }
  if (text.trim() === "" && calls.length === 0) return [];
  const echoed = quirks.echoReasoning && calls.length > 0 && reasoning !== "";
  return [
    {
      role: "assistant",
      content: text.trim() === "" ? null : text,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
      ...(echoed ? { reasoning_content: reasoning } : {}),
    },
  ];
}

function toResults(parts: readonly Part[], quirks: ChatQuirks): Param[] {
  const results: Param[] = [];
  const shown: Content[] = [];
  for (const { content } of parts) {
    if (content.case !== "toolResult") continue;
    const { toolCallId: id, output, name, blobs } = content.value;
    results.push({ role: "tool", tool_call_id: toolCallId(id, quirks), content: output });
    if (blobs.length > 0) shown.push({ type: "text", text: `What ${name || "the tool"} returned:` });
    shown.push(...blobs.map((blob) => toShown(showBlob(blob), quirks)));
  }
  return shown.length > 0 ? [...results, toUser(shown)] : results;
}

function toContent({ content }: Part, quirks: ChatQuirks): Content[] {
  if (content.case === "text" && content.value.trim() !== "") return [{ type: "text", text: content.value }];
  if (content.case === "blob") return [toShown(showBlob(content.value), quirks)];
  return [];
}

function toShown(shown: Shown, quirks: ChatQuirks): Content {
  switch (shown.kind) {
    case "image":
      return {
        type: "image_url",
        image_url: { url: `data:${shown.mediaType};base64,${shown.base64}` },
      };
    case "pdf":
      return quirks.files
        ? {
            type: "file",
            file: { filename: shown.name, file_data: `data:application/pdf;base64,${shown.base64}` },
          }
        : { type: "text", text: `[${shown.name}: a PDF document, not shown]` };
    case "text":
      return { type: "text", text: shown.text };
    default:
      return shown satisfies never;
  }
}

function toolCallId(id: string, quirks: ChatQuirks): string {
  return quirks.shortToolIds ? shortToolCallId(id) : safeToolCallId(id);
}
