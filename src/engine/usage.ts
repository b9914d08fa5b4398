import { create } from "@bufbuild/protobuf";
import type { Usage } from "../../gen/agentry/v1/message_pb.js";
import { UsageSchema } from "../../gen/agentry/v1/message_pb.js";

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

function sum(a: number, b: number): number {
  return Math.min(a + b, maxTokens);
}
