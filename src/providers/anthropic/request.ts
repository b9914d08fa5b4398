import type Anthropic from "@anthropic-ai/sdk";
import type { ModelRequest } from "../../core/model-provider.js";
import { traitsOf } from "../catalogue/models.js";
import { mayReason, toAnthropicMessages } from "./messages.js";

/** Largest answer asked of a model that the catalogue does not know. */
const defaultMaxTokens = 8192;
/** The least budget for reasoning that the API takes. */
const leastReasoning = 1024;

/** A request, with the members that only models before Claude Opus 4.7 take. */
export type AnthropicRequest = Anthropic.MessageCreateParamsStreaming & {
  temperature?: number;
  top_p?: number;
};

/** The body of a streaming request to Anthropic's Messages API. */
export function toAnthropicRequest(request: ModelRequest): AnthropicRequest {
  const messages = toAnthropicMessages(request.messages);
  const reasoning = toReasoning(request, mayReason(messages));
  const sampling =
    !reasoning.thinking && (traitsOf("anthropic", request.model)?.sampling ?? !isRecent(request.model));
  const tools: Anthropic.Tool[] = request.tools.map((tool) => ({
    name: tool.name,
    description: tool.description,
    // The API insists on the type, which an object schema may leave out.
    input_schema: { ...tool.inputSchema, type: "object" },
  }));
  const lastTool = tools.at(-1);
  if (lastTool) lastTool.cache_control = { type: "ephemeral" };
  return {
    model: request.model,
    stream: true,
    messages,
    ...reasoning,
    ...(request.system.trim() !== ""
      ? { system: [{ type: "text", text: request.system, cache_control: { type: "ephemeral" } }] }
      : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(sampling && request.temperature !== undefined ? { temperature: request.temperature } : {}),
    // Newer models refuse both at once.
    ...(sampling && request.topP !== undefined && request.temperature === undefined
      ? { top_p: request.topP }
      : {}),
    ...(request.outputSchema
      ? { output_config: { format: { type: "json_schema", schema: request.outputSchema } } }
      : {}),
  };
}

type Reasoning = Pick<Anthropic.MessageCreateParamsStreaming, "max_tokens" | "thinking">;

/** Reasoning counts towards max_tokens and must be less; where no limit was asked for there is room for both. */
function toReasoning(request: ModelRequest, allowed: boolean): Reasoning {
  const traits = traitsOf("anthropic", request.model);
  const limit = traits?.maxOutputTokens ?? defaultMaxTokens;
  const maxTokens = request.maxTokens ?? limit;
  const wanted = request.reasoningTokens ?? 0;
  if (wanted <= 0 || !allowed || traits?.reasoning === false) return { max_tokens: maxTokens };
  if (traits?.adaptive ?? isRecent(request.model)) {
    return { max_tokens: maxTokens, thinking: { type: "adaptive", display: "summarized" } };
  }
  const asked = Math.max(leastReasoning, wanted);
  const room = request.maxTokens ?? (traits ? limit : asked + defaultMaxTokens);
  const budget = Math.min(asked, room - 1);
  if (budget < leastReasoning) return { max_tokens: room };
  return { max_tokens: room, thinking: { type: "enabled", budget_tokens: budget } };
}

/** Models that the catalogue does not know yet are taken for newer than those it does. */
function isRecent(model: string): boolean {
  return /^claude-(?!3|2|instant|(?:haiku|sonnet|opus)-4)/.test(model);
}
