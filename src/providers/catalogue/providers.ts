import { ProviderApi } from "../../../gen/agentry/v1/providers_pb.js";
import { ollamaContextLength } from "../ollama/context-length.js";
import { ollamaAddress } from "../ollama/host.js";

/** How a provider's dialect of OpenAI Chat differs from OpenAI's own. */
export interface ChatQuirks {
  /** `max_completion_tokens`, `reasoning_effort` and no sampling for reasoning models. */
  readonly openaiReasoning?: boolean;
  /** Reasoning is asked for by `reasoning: {max_tokens}`. */
  readonly reasoningBudget?: boolean;
  /** Reasoning goes back as `reasoning_content` with the tool calls that followed it. */
  readonly echoReasoning?: boolean;
  /** Tool call ids are nine letters and digits. */
  readonly shortToolIds?: boolean;
  /** Documents may be sent as `file` parts. */
  readonly files?: boolean;
}

/** A provider that is known by name. */
export interface KnownProvider {
  readonly id: string;
  readonly name: string;
  readonly api: ProviderApi;
  /** Its own address; empty where each customer has another one. */
  readonly baseUrl: string;
  /** Environment variables that may hold its key, in order of preference; none where it needs no key. */
  readonly keyVariables: readonly string[];
  /** Environment variable by which an operator moves its own address. */
  readonly baseUrlVariable?: string;
  /** Reads that variable where its value is no URL; undefined for a value that makes no address. */
  readonly readBaseUrl?: (value: string) => string | undefined;
  readonly quirks?: ChatQuirks;
  /** Tokens of context that are asked for with each call, whichever the model. */
  readonly contextWindow?: number;
}

type ChatRow = readonly [
  id: string,
  name: string,
  baseUrl: string,
  keyVariable?: string,
  quirks?: ChatQuirks,
];

const chat = ([id, name, baseUrl, keyVariable, quirks]: ChatRow): KnownProvider => ({
  id,
  name,
  api: ProviderApi.OPENAI_CHAT,
  baseUrl,
  keyVariables: keyVariable ? [keyVariable] : [],
  quirks: quirks ?? {},
});

const anthropic: KnownProvider = {
  id: "anthropic",
  name: "Anthropic",
  api: ProviderApi.ANTHROPIC_MESSAGES,
  baseUrl: "https://api.anthropic.com",
  keyVariables: ["ANTHROPIC_API_KEY"],
  baseUrlVariable: "ANTHROPIC_BASE_URL",
};

const openai: KnownProvider = {
  ...chat([
    "openai",
    "OpenAI",
    "https://api.openai.com/v1",
    "OPENAI_API_KEY",
    { openaiReasoning: true, files: true },
  ]),
  baseUrlVariable: "OPENAI_BASE_URL",
};

/** Google is called by the OpenAI form of its API. */
const google: KnownProvider = {
  ...chat(["google", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai"]),
  keyVariables: ["GOOGLE_API_KEY", "GEMINI_API_KEY"],
};

const ollama: KnownProvider = {
  id: "ollama",
  name: "Ollama",
  api: ProviderApi.OLLAMA_CHAT,
  baseUrl: "http://127.0.0.1:11434",
  keyVariables: [],
  baseUrlVariable: "OLLAMA_HOST",
  readBaseUrl: ollamaAddress,
  contextWindow: ollamaContextLength,
};

const chatRows: readonly ChatRow[] = [
  ["azure", "Azure OpenAI", "", "AZURE_API_KEY", { openaiReasoning: true }],
  ["baseten", "Baseten", "https://inference.baseten.co/v1", "BASETEN_API_KEY"],
  ["cerebras", "Cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"],
  ["deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"],
  ["deepseek", "DeepSeek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", { echoReasoning: true }],
  ["dmr", "Docker Model Runner", "http://127.0.0.1:12434/engines/v1"],
  ["fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"],
  ["groq", "Groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"],
  ["huggingface", "Hugging Face", "https://router.huggingface.co/v1", "HF_TOKEN"],
  ["lmstudio", "LM Studio", "http://127.0.0.1:1234/v1"],
  ["minimax", "MiniMax", "https://api.minimax.io/v1", "MINIMAX_API_KEY"],
  ["mistral", "Mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", { shortToolIds: true }],
  ["moonshot", "Moonshot AI", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", { echoReasoning: true }],
  ["nebius", "Nebius", "https://api.studio.nebius.com/v1", "NEBIUS_API_KEY"],
  ["nvidia", "NVIDIA", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"],
  [
    "openrouter",
    "OpenRouter",
    "https://openrouter.ai/api/v1",
    "OPENROUTER_API_KEY",
    { reasoningBudget: true, files: true },
  ],
  ["perplexity", "Perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY"],
  ["requesty", "Requesty", "https://router.requesty.ai/v1", "REQUESTY_API_KEY"],
  ["together", "Together AI", "https://api.together.xyz/v1", "TOGETHER_API_KEY"],
  ["xai", "xAI", "https://api.x.ai/v1", "XAI_API_KEY"],
  ["zai", "Z.AI", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", { echoReasoning: true }],
];

/** The providers known by name, by id. */
export const knownProviders: ReadonlyMap<string, KnownProvider> = new Map(
  [anthropic, openai, google, ollama, ...chatRows.map(chat)].map((provider) => [provider.id, provider]),
);

/** A provider that someone stored a credential for: it speaks OpenAI Chat at its `baseUrl`. */
export function customProvider(id: string, baseUrl: string): KnownProvider {
  return chat([id, id, baseUrl]);
}
