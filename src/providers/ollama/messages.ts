import type { JsonObject } from "@bufbuild/protobuf";
import type { Message, Part } from "../../../gen/agentry/v1/message_pb.js";
import { Role } from "../../../gen/agentry/v1/message_pb.js";
import type { Shown } from "../history.js";
import { safeToolName, showBlob } from "../history.js";

/** A message as `/api/chat` takes it. */
export interface OllamaMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** The reasoning that led to the tool calls. */
  readonly thinking?: string;
  /** Each in base64. */
  readonly images?: readonly string[];
  readonly tool_calls?: readonly {
    readonly function: { readonly name: string; readonly arguments: JsonObject };
  }[];
  /** Of a tool message: the tool that was called. */
  readonly tool_name?: string;
}

/**
 * A history as Ollama takes it, the system prompt first. Assistant messages without text and calls are
 * dropped. Calls have no ids here: results tell the tool's name and stand in the order of the calls. Images
 * that tools returned follow the results in a user message, since few templates show them in a tool's.
 */
export function toOllamaMessages(system: string, messages: readonly Message[]): OllamaMessage[] {
  const made: OllamaMessage[] = [];
  if (system.trim() !== "") made.push({ role: "system", content: system });
  for (const message of messages) {
    switch (message.role) {
      case Role.ASSISTANT:
        made.push(...toAssistant(message.parts));
        break;
      case Role.TOOL:
        made.push(...toResults(message.parts));
        break;
      case Role.USER:
      case Role.UNSPECIFIED:
        made.push(toUser(message.parts.flatMap(toShown)));
        break;
      default:
        message.role satisfies never;
    }
  }
  return made;
}

function toUser(shown: readonly Shown[]): OllamaMessage {
  const texts: string[] = [];
  const images: string[] = [];
  for (const part of shown) {
    switch (part.kind) {
      case "image":
        images.push(part.base64);
        break;
      case "pdf":
        texts.push(`[${part.name}: a PDF document, not shown]`);
        break;
      case "text":
        texts.push(part.text);
        break;
      default:
        part satisfies never;
    }
  }
  if (images.length > 0) return { role: "user", content: texts.join("\n"), images };
  return { role: "user", content: texts.join("\n") || "(empty message)" };
}

function toShown({ content }: Part): Shown[] {
  if (content.case === "text" && content.value.trim() !== "") return [{ kind: "text", text: content.value }];
  return content.case === "blob" ? [showBlob(content.value)] : [];
}

function toAssistant(parts: readonly Part[]): OllamaMessage[] {
  let text = "";
  let thinking = "";
  const calls: NonNullable<OllamaMessage["tool_calls"]>[number][] = [];
  for (const { content } of parts) {
    if (content.case === "text") text += content.value;
    if (content.case === "reasoning") thinking += content.value.text;
    if (content.case !== "toolCall") continue;
    const { name, arguments: input } = content.value;
    calls.push({ function: { name: safeToolName(name), arguments: input ?? {} } });
  }
  const content = text.trim() === "" ? "" : text;
  if (calls.length === 0) return content === "" ? [] : [{ role: "assistant", content }];
  return [{ role: "assistant", content, ...(thinking === "" ? {} : { thinking }), tool_calls: calls }];
}

function toResults(parts: readonly Part[]): OllamaMessage[] {
  const results: OllamaMessage[] = [];
  const shown: Shown[] = [];
  for (const { content } of parts) {
    if (content.case !== "toolResult") continue;
    const { name, output, blobs } = content.value;
    results.push({ role: "tool", tool_name: safeToolName(name), content: output });
    if (blobs.length > 0) shown.push({ kind: "text", text: `What ${name || "the tool"} returned:` });
    shown.push(...blobs.map(showBlob));
  }
  return shown.length > 0 ? [...results, toUser(shown)] : results;
}
