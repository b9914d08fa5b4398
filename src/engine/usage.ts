import { create } from "@bufbuild/protobuf";
import type { Usage } from "../../gen/agentry/v1/message_pb.js";
import { UsageSchema } from "../../gen/agentry/v1/message_pb.js";

/** The usage of no model call: every counter is 0. */
export const noUsage = (): Usage => create(UsageSchema);

const maxTokens = 2 ** 32 - 1;

/** The sum of two usages; counters stop at what their fields can hold. */
export function addUsage(a: Usage, b: Usage): Usage {
  return create(UsageSchema, {
    inputTokens: sum(a.inputTokens, b.inputTokens),
    outputTokens: sum(a.outputTokens, b.outputTokens),
    cacheReadTokens: sum(a.cacheReadTokens, b.cacheReadTokens),
    cacheWriteTokens: sum(a.cacheWriteTokens, b.cacheWriteTokens),
    reasoningTokens: sum(a.reasoningTokens, b.reasoningTokens),
    costUsd: a.costUsd + b.costUsd,
  });
}

/**
 * A usage as events can hold it, whatever a provider has counted: whole numbers from 0 to what their fields can hold.
 */
export function plainUsage(usage: Usage): Usage {
  const { costUsd } = usage;
  return create(UsageSchema, {
    inputTokens: plain(usage.inputTokens),
    outputTokens: plain(usage.outputTokens),
    cacheReadTokens: plain(usage.cacheReadTokens),
    cacheWriteTokens: plain(usage.cacheWriteTokens),
    reasoningTokens: plain(usage.reasoningTokens),
    costUsd: Number.isFinite(costUsd) ? Math.max(costUsd, 0) : 0,
  });
}

function plain(count: number): number {
  return Number.isNaN(count) ? 0 : Math.min(Math.max(Math.round(count), 0), maxTokens);
}

function sum(a: number, b: number): number {
  return Math.min(a + b, maxTokens);
}
