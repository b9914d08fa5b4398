import type OpenAI from "openai";
import type { ModelRequest } from "../../core/model-provider.js";
import type { ChatQuirks } from "../catalogue/providers.js";
import { toChatMessages } from "./messages.js";

/** A request, with the member that some providers add to OpenAI's own. */
export type ChatRequest = OpenAI.Chat.ChatCompletionCreateParamsStreaming & {
  reasoning?: { max_tokens: number };
};

/** The body of a streaming request to Chat Completions. */
export function toChatRequest(request: ModelRequest, quirks: ChatQuirks): ChatRequest {
  const reasons = quirks.openaiReasoning === true && isReasoningModel(request.model);
  const { maxTokens, temperature, topP } = request;
  return {
    model: request.model,
    stream: true,
    stream_options: { include_usage: true },
    messages: toChatMessages(request.system, request.messages, quirks),
    ...(request.tools.length > 0 ? { tools: request.tools.map(toTool) } : {}),
    ...(maxTokens === undefined
      ? {}
      : reasons
        ? { max_completion_tokens: maxTokens }
        : { max_tokens: maxTokens }),
    // OpenAI's reasoning models refuse both.
    ...(reasons || temperature === undefined ? {} : { temperature }),
    ...(reasons || topP === undefined ? {} : { top_p: topP }),
    ...toReasoning(request.reasoningTokens ?? 0, reasons, quirks),
    ...(request.outputSchema ? { response_format: toFormat(request.outputSchema) } : {}),
  };
}

function toTool(tool: ModelRequest["tools"][number]): OpenAI.Chat.ChatCompletionTool {
  const { name, description, inputSchema } = tool;
  return { type: "function", function: { name, description, parameters: inputSchema } };
}

function toReasoning(tokens: number, reasons: boolean, quirks: ChatQuirks): Partial<ChatRequest> {
  if (tokens <= 0) return {};
  if (quirks.reasoningBudget) return { reasoning: { max_tokens: tokens } };
  if (!reasons) return {};
  return { reasoning_effort: tokens <= 2048 ? "low" : tokens <= 16_384 ? "medium" : "high" };
}

function toFormat(schema: NonNullable<ModelRequest["outputSchema"]>): OpenAI.ResponseFormatJSONSchema {
  return { type: "json_schema", json_schema: { name: "answer", schema, strict: isStrict(schema) } };
}

/** Whether a schema fits strict mode, which wants every object closed and every property required. */
function isStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict);
  if (schema === null || typeof schema !== "object") return true;
  const { type, properties, required, additionalProperties } = schema as Record<string, unknown>;
  if (type === "object") {
    const names = Object.keys(properties !== null && typeof properties === "object" ? properties : {});
    if (additionalProperties !== false || !Array.isArray(required)) return false;
    if (!names.every((name) => required.includes(name))) return false;
  }
  return Object.values(schema).every(isStrict);
}

/** o1, o3, gpt-5 and later; not the chat variants, which do not reason. */
function isReasoningModel(model: string): boolean {
  const name = model.slice(model.lastIndexOf("/") + 1);
  return /^(?:o\d|gpt-(?:[5-9]|\d\d))/.test(name) && !/-chat/.test(name);
}
