import { create } from "@bufbuild/protobuf";
import type { Usage } from "../../../gen/agentry/v1/message_pb.js";
import { UsageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { countOf, member } from "../json-value.js";

/**
 * Usage of Chat Completions. Their prompt tokens include those of the cache, ours do not; where a provider
 * leaves reasoning out of the answer's tokens, the total tells.
 */
export function toUsage(usage: unknown): Usage {
  const details = member(usage, "prompt_tokens_details");
  const prompt = countOf(member(usage, "prompt_tokens")) ?? 0;
  const completion = countOf(member(usage, "completion_tokens")) ?? 0;
  const total = countOf(member(usage, "total_tokens")) ?? 0;
  const reasoning = countOf(member(member(usage, "completion_tokens_details"), "reasoning_tokens")) ?? 0;
  // DeepSeek names its cache hits differently.
  const cached =
    countOf(member(details, "cached_tokens")) ?? countOf(member(usage, "prompt_cache_hit_tokens"));
  const cacheRead = Math.min(prompt, cached ?? 0);
  const cacheWrite = Math.min(prompt - cacheRead, countOf(member(details, "cache_write_tokens")) ?? 0);
  const apart = reasoning > 0 && total === prompt + completion + reasoning;
  const output = apart ? completion + reasoning : completion;
  return create(UsageSchema, {
    inputTokens: prompt - cacheRead - cacheWrite,
    outputTokens: Math.min(4_294_967_295, output),
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    reasoningTokens: Math.min(reasoning, output),
  });
}
