import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { create, toJson } from "@bufbuild/protobuf";
import type { ListValue, Value } from "@bufbuild/protobuf/wkt";
import { ListValueSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Agent, ModelSettings } from "../../../gen/agentry/v1/agents_pb.js";
import { ModelSettingsSchema } from "../../../gen/agentry/v1/agents_pb.js";
import type { AgentInput } from "../../../gen/wingman/v1/agents_pb.js";
import { isShallow } from "../../core/json-depth.js";
import { invalidBody } from "./errors.js";

/**
 * What an agent was written with, as far as the canonical agent cannot say it: the spelling of its provider,
 * options without meaning, tools that do not exist, a model without a provider.
 */
export interface AgentForm {
  /** An id, or an object with the id and the model's settings. */
  readonly provider?: string | JsonObject;
  readonly model?: string;
  readonly options?: JsonObject;
  readonly tools: readonly string[];
}

/** The model of an agent whose provider object names none. */
const anthropicDefault = "claude-sonnet-4-5";

/** A form with what a caller has written over it. @throws Fault `invalid` for values of another type. */
export function changeForm(form: AgentForm, input: AgentInput): AgentForm {
  const provider = readProvider(input.provider);
  const options = readOptions(input.options);
  const written = provider === undefined ? form : withProvider(form, provider);
  return {
    ...written,
    ...(input.model !== undefined && !namesModel(provider) && withModel(written, input.model)),
    ...(options && { options }),
    ...(input.tools && { tools: readTools(input.tools) }),
  };
}

/** The model that a form asks for; undefined where it does not say whom to ask for what. */
export function modelOf(form: AgentForm): ModelSettings | undefined {
  const { provider = "", model = "", options } = form;
  const object = typeof provider === "string" ? { id: provider, model } : provider;
  const id = textOf(object.id);
  const name =
    textOf(object.model) || (typeof provider !== "string" && id === "anthropic" ? anthropicDefault : "");
  if (!id || !name) return undefined;
  const settings: JsonObject = { ...object, ...options };
  const counts = {
    maxTokens: countOf(settings.max_tokens),
    reasoningTokens: countOf(settings.reasoning_tokens),
  };
  const rates = { temperature: numberOf(settings.temperature), topP: numberOf(settings.top_p) };
  return create(ModelSettingsSchema, {
    provider: id,
    name,
    baseUrl: textOf(settings.base_url),
    ...present(counts),
    ...present(rates),
  });
}

/** The form of an agent that was written over another protocol. */
export function formOf({ model, tools }: Agent): AgentForm {
  if (!model) return { tools };
  const options = knownOptions(model);
  return {
    provider: model.provider,
    model: model.name,
    tools,
    ...(Object.keys(options).length > 0 && { options }),
  };
}

/** A form, kept as far as it still says what the agent does, after that was changed over another protocol. */
export function reconcile(form: AgentForm, agent: Agent): AgentForm {
  const fresh = formOf(agent);
  const extra = Object.entries(form.options ?? {}).filter(([name]) => !optionNames.has(name));
  const options = { ...fresh.options, ...Object.fromEntries(extra) };
  if (typeof form.provider !== "object" || !agent.model) {
    return { ...fresh, ...(Object.keys(options).length > 0 && { options }) };
  }
  const { provider, name } = agent.model;
  const object = { id: provider, model: name, ...knownOptions(agent.model) };
  return {
    provider: object,
    tools: agent.tools,
    ...(extra.length > 0 && { options: Object.fromEntries(extra) }),
  };
}

const optionNames = new Set(["max_tokens", "temperature", "top_p", "reasoning_tokens", "base_url"]);

function knownOptions({ maxTokens, temperature, topP, reasoningTokens, baseUrl }: ModelSettings): JsonObject {
  const options = {
    max_tokens: maxTokens,
    temperature,
    top_p: topP,
    reasoning_tokens: reasoningTokens,
    base_url: baseUrl || undefined,
  };
  return present(options);
}

function withProvider(form: AgentForm, provider: string | JsonObject): AgentForm {
  const { tools, options } = form;
  if (typeof provider === "object") return { provider, tools };
  if (typeof form.provider !== "object") return { ...form, provider };
  // From the object to the string: what the object said of the model moves beside it.
  const { id: _, model, ...settings } = form.provider;
  const moved = { ...settings, ...options };
  return {
    provider,
    tools,
    ...(textOf(model) && { model: textOf(model) }),
    ...(Object.keys(moved).length > 0 && { options: moved }),
  };
}

/** An object that names a model has the last word on it. */
function namesModel(provider: string | JsonObject | undefined): boolean {
  return typeof provider === "object" && textOf(provider.model) !== "";
}

function withModel({ provider }: AgentForm, model: string): Partial<AgentForm> {
  return typeof provider === "object" ? { provider: { ...provider, model } } : { model };
}

function readProvider(value: Value | undefined): string | JsonObject | undefined {
  if (!value) return undefined;
  if (!isShallow(value, 64)) throw invalidBody();
  const json = toJson(ValueSchema, value);
  if (json === null || typeof json === "string") return json ?? undefined;
  if (!isObject(json) || !isProviderObject(json)) throw invalidBody();
  return withoutKey(json);
}

function isProviderObject({ id, model, max_tokens, temperature }: JsonObject): boolean {
  const texts = [id, model].every((text) => text === undefined || text === null || typeof text === "string");
  const numbers = [max_tokens, temperature].every(
    (n) => n === undefined || n === null || typeof n === "number",
  );
  return texts && numbers;
}

function readOptions(options: JsonObject | undefined): JsonObject | undefined {
  if (options && !isShallow(options)) throw invalidBody();
  return options && withoutKey(options);
}

function readTools(tools: ListValue): string[] {
  if (!isShallow(tools, 16)) throw invalidBody();
  const json = toJson(ListValueSchema, tools);
  return json.map((name) => {
    if (typeof name !== "string") throw invalidBody();
    return name;
  });
}

/** Keys have one place, and it is not an agent that everybody may read. */
function withoutKey(options: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !/^api_?key$/i.test(name)));
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const textOf = (value: JsonValue | undefined): string => (typeof value === "string" ? value : "");
const numberOf = (value: JsonValue | undefined): number | undefined =>
  typeof value === "number" ? value : undefined;
const countOf = (value: JsonValue | undefined): number | undefined =>
  typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 0xffffffff
    ? value
    : undefined;

function present<T>(fields: Record<string, T | undefined>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, T] => entry[1] !== undefined),
  );
}
