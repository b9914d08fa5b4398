import { create } from "@bufbuild/protobuf";
import type { Message } from "../../../gen/agentry/v1/message_pb.js";
import {
  MessageSchema,
  Role,
  ToolCallSchema,
  ToolCallStatus,
  ToolResultSchema,
} from "../../../gen/agentry/v1/message_pb.js";
import { textMessage } from "../open-registry.js";

/** A question, a tool call and its result. */
export function toolRound(
  question: string,
  call: { readonly name: string; readonly input: { readonly [name: string]: string } },
  output: string,
  status = ToolCallStatus.SUCCEEDED,
): Message[] {
  const id = "call_made_up";
  const toolCall = create(ToolCallSchema, { id, name: call.name, arguments: { ...call.input } });
  const toolResult = create(ToolResultSchema, { toolCallId: id, name: call.name, output, status });
  return [
    textMessage(Role.USER, question),
    create(MessageSchema, {
      role: Role.ASSISTANT,
      parts: [{ content: { case: "toolCall", value: toolCall } }],
    }),
    create(MessageSchema, {
      role: Role.TOOL,
      parts: [{ content: { case: "toolResult", value: toolResult } }],
    }),
  ];
}
