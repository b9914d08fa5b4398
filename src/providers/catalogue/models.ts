import { create } from "@bufbuild/protobuf";
import type { Usage } from "../../../gen/agentry/v1/message_pb.js";
import type { Model, Price } from "../../../gen/agentry/v1/providers_pb.js";
import { ModelSchema, PriceSchema } from "../../../gen/agentry/v1/providers_pb.js";
import type { ModelRow } from "./model-table.js";
import { modelTable } from "./model-table.js";

/** What the wire of a provider has to know of a model, beyond what callers are told. */
export interface ModelTraits {
  /** Largest answer, in tokens. */
  readonly maxOutputTokens: number;
  readonly reasoning: boolean;
  /** Takes no token budget for its reasoning: it decides itself how much is needed. */
  readonly adaptive: boolean;
  /** Takes temperature and top_p. */
  readonly sampling: boolean;
}

const index = new Map<string, ModelRow>();
for (const [provider, rows] of Object.entries(modelTable)) {
  for (const row of rows) index.set(`${provider}/${row[0]}`, row);
}

/** A model's name without its date: `claude-haiku-4-5-20251001`, `gpt-4o-2024-08-06`, `…-latest`. */
export function withoutDate(model: string): string {
  return model.replace(/-(?:20\d{6}|20\d\d-\d\d-\d\d|latest)$/, "");
}

/** The bundled models of a provider, by id; none for one that is not in the catalogue. */
export function catalogueModels(provider: string): Model[] {
  const rows = Object.hasOwn(modelTable, provider) ? modelTable[provider] : undefined;
  return (rows ?? []).map(toModel).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What the bundled catalogue knows of a model, the date at the end of its name left aside where needed. */
export function findModel(provider: string, model: string): Model | undefined {
  const row = findRow(provider, model);
  return row && toModel(row);
}

/** The traits of a model, or undefined where the catalogue does not know it. */
export function traitsOf(provider: string, model: string): ModelTraits | undefined {
  const row = findRow(provider, model);
  if (!row) return undefined;
  const [, , , maxOutputTokens, , traits] = row;
  return {
    maxOutputTokens,
    reasoning: traits.includes("r"),
    adaptive: traits.includes("a"),
    sampling: !traits.includes("s"),
  };
}

/** List price of a model, or undefined where it is not known. */
export function priceOf(provider: string, model: string): Price | undefined {
  return findModel(provider, model)?.price;
}

/** What a usage costs, in US dollars. A cache price of 0 means that those tokens cost what input costs. */
export function costOf(usage: Usage, price: Price): number {
  const sum =
    usage.inputTokens * price.input +
    usage.outputTokens * price.output +
    usage.cacheReadTokens * (price.cacheRead || price.input) +
    usage.cacheWriteTokens * (price.cacheWrite || price.input);
  return sum / 1e6;
}

function findRow(provider: string, model: string): ModelRow | undefined {
  const base = withoutDate(model);
  return (
    index.get(`${provider}/${model}`) ??
    index.get(`${provider}/${base}`) ??
    index.get(`${provider}/${base}-0`) ??
    index.get(`${provider}/${base}-latest`)
  );
}

function toModel(row: ModelRow): Model {
  const [id, name, contextWindow, maxOutputTokens, [input, output, cacheRead, cacheWrite], traits] = row;
  return create(ModelSchema, {
    id,
    name,
    contextWindow,
    maxOutputTokens,
    price: create(PriceSchema, { input, output, cacheRead, cacheWrite }),
    tools: traits.includes("t"),
    reasoning: traits.includes("r"),
    images: traits.includes("i"),
  });
}
