import { create } from "@bufbuild/protobuf";
import type { Message as Canonical, Part } from "../../../gen/agentry/v1/message_pb.js";
import { Role, ToolCallStatus } from "../../../gen/agentry/v1/message_pb.js";
import type { Block, Message } from "../../../gen/wingman/v1/sessions_pb.js";
import { BlockSchema, MessageSchema } from "../../../gen/wingman/v1/sessions_pb.js";

/** Messages as Wingman's history has them. What it has no words for, reasoning and images, is left out. */
export function toHistory(messages: readonly Canonical[]): Message[] {
  return messages.flatMap(({ role, parts, summaryThrough }) => {
    // Nobody said it: it stands for what is here anyway.
    if (summaryThrough > 0) return [];
    const content = parts.flatMap(toBlock);
    if (content.length === 0) return [];
    return [create(MessageSchema, { role: role === Role.ASSISTANT ? "assistant" : "user", content })];
  });
}

/** The texts of a message, as one. */
export function textOf(message: Canonical | undefined): string {
  return message?.parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("") ?? "";
}

function toBlock({ content }: Part): Block[] {
  switch (content.case) {
    case "text":
      return [create(BlockSchema, { type: "text", text: content.value })];
    case "toolCall": {
      const { id, name, arguments: input = {} } = content.value;
      return [create(BlockSchema, { type: "tool_use", id, name, input })];
    }
    case "toolResult": {
      const { toolCallId, output, status } = content.value;
      const isError = status !== ToolCallStatus.SUCCEEDED;
      return [create(BlockSchema, { type: "tool_result", toolUseId: toolCallId, content: output, isError })];
    }
    case "reasoning":
    case "blob":
    case undefined:
      return [];
    default:
      return content satisfies never;
  }
}
