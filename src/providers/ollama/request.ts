import type { JsonObject } from "@bufbuild/protobuf";
import { invalid } from "../../core/fault.js";
import type { ModelRequest } from "../../core/model-provider.js";
import { ollamaContextLength } from "./context-length.js";
import type { OllamaMessage } from "./messages.js";
import { toOllamaMessages } from "./messages.js";

/** The body of a request to `/api/chat` (Ollama's docs/api.md). */
export interface OllamaRequest {
  readonly model: string;
  readonly stream: true;
  readonly messages: readonly OllamaMessage[];
  readonly tools?: readonly {
    readonly type: "function";
    readonly function: {
      readonly name: string;
      readonly description: string;
      readonly parameters: JsonObject;
    };
  }[];
  /** Asks for reasoning; most models take no more than a yes. */
  readonly think?: true | "low" | "medium" | "high";
  /** The JSON Schema that the answer has to follow. */
  readonly format?: JsonObject;
  readonly options: {
    readonly num_ctx: number;
    readonly num_predict?: number;
    readonly temperature?: number;
    readonly top_p?: number;
  };
}

/** The body of a streaming request. Throws `invalid` where no model is named. */
export function toOllamaRequest(request: ModelRequest): OllamaRequest {
  const { model, tools, maxTokens, temperature, topP, reasoningTokens = 0, outputSchema } = request;
  if (model.trim() === "") throw invalid("Ollama has no default model: name one");
  const options = {
    num_ctx: ollamaContextLength,
    ...(maxTokens === undefined ? {} : { num_predict: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
  };
  return {
    model,
    stream: true,
    messages: toOllamaMessages(request.system, request.messages),
    ...(tools.length > 0 ? { tools: tools.map(toTool) } : {}),
    ...(reasoningTokens > 0 ? { think: toThink(model, reasoningTokens) } : {}),
    ...(outputSchema ? { format: outputSchema } : {}),
    options,
  };
}

function toTool({ name, description, inputSchema }: ModelRequest["tools"][number]) {
  return { type: "function", function: { name, description, parameters: inputSchema } } as const;
}

/** GPT-OSS alone wants to be told how hard to think; it takes no yes. */
function toThink(model: string, tokens: number): true | "low" | "medium" | "high" {
  if (!model.includes("gpt-oss")) return true;
  return tokens <= 2048 ? "low" : tokens <= 16_384 ? "medium" : "high";
}
