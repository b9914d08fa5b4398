import { create } from "@bufbuild/protobuf";
import type { Message, Part, ToolCall } from "../../gen/agentry/v1/message_pb.js";
import {
  MessageSchema,
  PartSchema,
  Role,
  ToolCallStatus,
  ToolResultSchema,
} from "../../gen/agentry/v1/message_pb.js";

/**
 * The history as any provider accepts it: it begins with a user message, every tool call is answered in
 * the message right after it, and no answer stands alone. What the run loop writes is so already; this
 * holds for whatever else a database may contain.
 */
export function validHistory(messages: readonly Message[]): Message[] {
  const valid: Message[] = [];
  let unanswered: ToolCall[] = [];
  const answer = (given: Message | undefined): void => {
    if (unanswered.length > 0) valid.push(answersTo(unanswered, given));
    unanswered = [];
  };
  for (const message of messages) {
    if (message.role === Role.TOOL) {
      answer(message);
      continue;
    }
    answer(undefined);
    if (valid.length === 0 && message.role !== Role.USER) continue;
    if (message.parts.length === 0) continue;
    valid.push(message);
    if (message.role === Role.ASSISTANT) unanswered = message.parts.flatMap(callOf);
  }
  answer(undefined);
  return valid;
}

function callOf({ content }: Part): ToolCall[] {
  return content.case === "toolCall" ? [content.value] : [];
}

/** The given message itself where it is whole, as providers remember what they have translated. */
function answersTo(calls: readonly ToolCall[], given: Message | undefined): Message {
  const parts = given?.parts ?? [];
  if (given && calls.length === parts.length && calls.every((call, i) => answers(parts[i], call)))
    return given;
  return create(MessageSchema, {
    role: Role.TOOL,
    parts: calls.map((call) => parts.find((part) => answers(part, call)) ?? noAnswer(call)),
  });
}

function answers(part: Part | undefined, call: ToolCall): boolean {
  return part?.content.case === "toolResult" && part.content.value.toolCallId === call.id;
}

function noAnswer(call: ToolCall): Part {
  const value = create(ToolResultSchema, {
    toolCallId: call.id,
    name: call.name,
    status: ToolCallStatus.INTERRUPTED,
    output: "No result of this call was recorded.",
  });
  return create(PartSchema, { content: { case: "toolResult", value } });
}
