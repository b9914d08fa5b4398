import { create } from "@bufbuild/protobuf";
import type { Message, Part } from "../../gen/agentry/v1/message_pb.js";
import {
  BlobSchema,
  MessageSchema,
  PartSchema,
  ReasoningSchema,
  Role,
  ToolCallSchema,
  ToolCallStatus,
  ToolResultSchema,
} from "../../gen/agentry/v1/message_pb.js";

const png = new Uint8Array([137, 80, 78, 71]);

const part = (content: Part["content"]): Part => create(PartSchema, { content });
export const text = (value: string) => part({ case: "text", value });
export const reasoning = (value: { text?: string; signature?: string; redacted?: string }) =>
  part({ case: "reasoning", value: create(ReasoningSchema, value) });
export const blob = (mediaType: string, name = "", data = png) =>
  part({ case: "blob", value: create(BlobSchema, { mediaType, name, data }) });
export const call = (id: string, name = "read") =>
  part({ case: "toolCall", value: create(ToolCallSchema, { id, name, arguments: { path: "a" } }) });
export const brokenCall = (id: string) =>
  part({ case: "toolCall", value: create(ToolCallSchema, { id, name: "read", invalidArguments: '{"x' }) });
export const result = (id: string, output: string, status = ToolCallStatus.SUCCEEDED, image = false) =>
  part({
    case: "toolResult",
    value: create(ToolResultSchema, {
      toolCallId: id,
      name: "read",
      output,
      status,
      blobs: image ? [create(BlobSchema, { mediaType: "image/png", data: png })] : [],
    }),
  });

const message =
  (role: Role) =>
  (...parts: Part[]): Message =>
    create(MessageSchema, { role, parts });
export const user = message(Role.USER);
export const assistant = message(Role.ASSISTANT);
export const tool = message(Role.TOOL);
