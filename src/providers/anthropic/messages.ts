import type Anthropic from "@anthropic-ai/sdk";
import type { Message, Part, ToolResult } from "../../../gen/agentry/v1/message_pb.js";
import { Role, ToolCallStatus } from "../../../gen/agentry/v1/message_pb.js";
import { safeToolCallId, safeToolName, showBlob } from "../history.js";

type Block = Anthropic.ContentBlockParam;

/**
 * A history as Anthropic takes it: roles alternate, neighbours of one role are merged, what is empty is
 * dropped (the API refuses blank texts), and reasoning is kept only with the signature that proves it.
 * The last block of the last user message is marked for the prompt cache.
 */
export function toAnthropicMessages(messages: readonly Message[]): Anthropic.MessageParam[] {
  const merged: { role: "user" | "assistant"; content: Block[] }[] = [];
  for (const message of messages) {
    const role = message.role === Role.ASSISTANT ? "assistant" : "user";
    const content = message.parts.flatMap(toBlocks);
    if (content.length === 0) {
      if (message.role !== Role.USER) continue;
      content.push({ type: "text", text: "(empty message)" });
    }
    const last = merged.at(-1);
    if (last?.role === role) last.content.push(...content);
    else merged.push({ role, content });
  }
  const lastUser = merged.findLast(({ role }) => role === "user");
  const end = lastUser?.content.at(-1);
  if (lastUser && end && end.type !== "thinking" && end.type !== "redacted_thinking") {
    lastUser.content[lastUser.content.length - 1] = withCacheMark(end);
  }
  return merged;
}

/**
 * Whether reasoning may be asked for: in the middle of a round of tools the API wants the answer that began
 * it to start with the reasoning it gave then.
 */
export function mayReason(messages: readonly Anthropic.MessageParam[]): boolean {
  const last = messages.at(-1);
  const before = messages.at(-2);
  if (!last || !hasBlock(last, "tool_result") || before?.role !== "assistant") return true;
  return hasBlock(before, "thinking") || hasBlock(before, "redacted_thinking");
}

function hasBlock(message: Anthropic.MessageParam, type: Block["type"]): boolean {
  return typeof message.content !== "string" && message.content.some((block) => block.type === type);
}

function withCacheMark(block: Exclude<Block, { type: "thinking" | "redacted_thinking" }>): Block {
  return { ...block, cache_control: { type: "ephemeral" } };
}

function toBlocks({ content }: Part): Block[] {
  switch (content.case) {
    case "text":
      return content.value.trim() === "" ? [] : [{ type: "text", text: content.value }];
    case "reasoning": {
      const { text, signature, redacted } = content.value;
      if (redacted) return [{ type: "redacted_thinking", data: redacted }];
      return signature ? [{ type: "thinking", thinking: text, signature }] : [];
    }
    case "blob":
      return [toShownBlock(showBlob(content.value))];
    case "toolCall": {
      const { id, name, arguments: input } = content.value;
      return [{ type: "tool_use", id: safeToolCallId(id), name: safeToolName(name), input: input ?? {} }];
    }
    case "toolResult":
      return [toResultBlock(content.value)];
    case undefined:
      return [];
    default:
      return content satisfies never;
  }
}

function toResultBlock(result: ToolResult): Block {
  const content: (Anthropic.TextBlockParam | Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam)[] = [];
  if (result.output.trim() !== "") content.push({ type: "text", text: result.output });
  content.push(...result.blobs.map((blob) => toShownBlock(showBlob(blob))));
  return {
    type: "tool_result",
    tool_use_id: safeToolCallId(result.toolCallId),
    ...(content.length > 0 ? { content } : {}),
    ...(result.status === ToolCallStatus.SUCCEEDED ? {} : { is_error: true }),
  };
}

function toShownBlock(
  shown: ReturnType<typeof showBlob>,
): Anthropic.TextBlockParam | Anthropic.ImageBlockParam | Anthropic.DocumentBlockParam {
  switch (shown.kind) {
    case "image":
      return { type: "image", source: { type: "base64", media_type: shown.mediaType, data: shown.base64 } };
    case "pdf":
      return {
        type: "document",
        title: shown.name.slice(0, 200),
        source: { type: "base64", media_type: "application/pdf", data: shown.base64 },
      };
    case "text":
      return { type: "text", text: shown.text };
    default:
      return shown satisfies never;
  }
}
