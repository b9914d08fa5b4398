import { create } from "@bufbuild/protobuf";
import type { Usage } from "../../gen/agentry/v1/message_pb.js";
import { UsageSchema } from "../../gen/agentry/v1/message_pb.js";

export const noUsage = (): Usage => create(UsageSchema);

/** The sum of two usages. */
export function addUsage(a: Usage, b: Usage): Usage {
  return create(UsageSchema, {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    costUsd: a.costUsd + b.costUsd,
  });
}
