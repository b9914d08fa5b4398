import { create } from "@bufbuild/protobuf";
import type { Usage } from "../../../gen/agentry/v1/message_pb.js";
import { UsageSchema } from "../../../gen/agentry/v1/message_pb.js";

/** Usage as columns. */
export interface UsageRow {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cache_read_tokens: number;
  readonly cache_write_tokens: number;
  readonly reasoning_tokens: number;
  readonly cost_usd: number;
}

/** The columns of a usage, in the order of `usageValues`. */
export const usageColumns =
  "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd";

/** Values for `usageColumns`; zeros where there is none. Numbers that cannot be counted with become 0. */
export function usageValues(usage: Usage | undefined): [number, number, number, number, number, number] {
  return [
    tokens(usage?.inputTokens),
    tokens(usage?.outputTokens),
    tokens(usage?.cacheReadTokens),
    tokens(usage?.cacheWriteTokens),
    tokens(usage?.reasoningTokens),
    finite(usage?.costUsd),
  ];
}

/** The usage of a row. A sum beyond what a uint32 holds is shown as the largest one. */
export function toUsage(row: UsageRow): Usage {
  return create(UsageSchema, {
    inputTokens: toUint32(row.input_tokens),
    outputTokens: toUint32(row.output_tokens),
    cacheReadTokens: toUint32(row.cache_read_tokens),
    cacheWriteTokens: toUint32(row.cache_write_tokens),
    reasoningTokens: toUint32(row.reasoning_tokens),
    costUsd: row.cost_usd,
  });
}

const tokens = (value: number | undefined): number => Math.max(0, Math.trunc(finite(value)));
const finite = (value: number | undefined): number =>
  value !== undefined && Number.isFinite(value) ? value : 0;
const toUint32 = (value: number): number => Math.min(value, 0xffffffff);
