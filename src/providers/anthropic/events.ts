import { create } from "@bufbuild/protobuf";
import type { Usage } from "../../../gen/agentry/v1/message_pb.js";
import { StopReason, UsageSchema } from "../../../gen/agentry/v1/message_pb.js";
import type { Price } from "../../../gen/agentry/v1/providers_pb.js";
import type { Fault } from "../../core/fault.js";
import type { ModelEvent } from "../../core/model-provider.js";
import { Answer } from "../answer.js";
import type { FaultSource } from "../faults.js";
import { brokenFault, statusFault } from "../faults.js";
import { countOf, member, textOf } from "../json-value.js";
import { readBatches } from "../read-batches.js";

/** HTTP statuses of the errors that arrive within a stream, by their type. */
const errorStatuses = new Map([
  ["invalid_request_error", 400],
  ["authentication_error", 401],
  ["billing_error", 402],
  ["permission_error", 403],
  ["not_found_error", 404],
  ["request_too_large", 413],
  ["rate_limit_error", 429],
  ["api_error", 500],
  ["timeout_error", 504],
  ["overloaded_error", 529],
]);

const stopReasons = new Map([
  ["end_turn", StopReason.END],
  ["stop_sequence", StopReason.END],
  ["pause_turn", StopReason.END],
  ["tool_use", StopReason.TOOL_CALLS],
  ["max_tokens", StopReason.MAX_TOKENS],
  ["model_context_window_exceeded", StopReason.MAX_TOKENS],
  ["refusal", StopReason.REFUSAL],
]);

/**
 * The events of Anthropic's Messages API as ModelEvents, in batches. Pings, events and blocks of kinds that it does not
 * know are skipped. Throws a Fault for an error in the stream and for a stream without `message_stop`.
 */
export async function* fromAnthropicEvents(
  events: AsyncIterable<readonly unknown[]>,
  source: FaultSource,
  price: Price | undefined,
): AsyncGenerator<readonly ModelEvent[], void> {
  const reader = new MessageReader(source, price);
  const whole = yield* readBatches(events, {
    read: (event) => {
      reader.read(event);
      return reader.ended;
    },
    take: () => reader.answer.take(),
  });
  if (!whole) throw brokenFault(source, "broke off its answer");
}

class MessageReader {
  readonly answer = new Answer();
  ended = false;
  readonly #source: FaultSource;
  readonly #usage = create(UsageSchema);
  #stopReason = "";

  readonly #price: Price | undefined;

  constructor(source: FaultSource, price: Price | undefined) {
    this.#source = source;
    this.#price = price;
  }

  read(event: unknown): void {
    switch (member(event, "type")) {
      case "message_start":
        this.#count(member(member(event, "message"), "usage"));
        break;
      case "content_block_start":
        this.#start(handleOf(event), member(event, "content_block"));
        break;
      case "content_block_delta":
        this.#delta(handleOf(event), member(event, "delta"));
        break;
      case "content_block_stop":
        if (this.answer.hasTool(handleOf(event))) this.answer.finishTool(handleOf(event));
        else this.answer.close();
        break;
      case "message_delta":
        this.#stopReason = textOf(member(member(event, "delta"), "stop_reason")) || this.#stopReason;
        this.#count(member(event, "usage"));
        break;
      case "message_stop":
        this.#end();
        break;
      case "error":
        throw toFault(this.#source, event);
    }
  }

  #start(handle: string, block: unknown): void {
    switch (member(block, "type")) {
      case "text":
        this.answer.close();
        this.answer.text(textOf(member(block, "text")));
        break;
      case "thinking":
        this.answer.close();
        this.answer.reasoning(textOf(member(block, "thinking")));
        this.answer.sign(textOf(member(block, "signature")));
        break;
      case "redacted_thinking":
        this.answer.redacted(textOf(member(block, "data")));
        break;
      case "tool_use": {
        // An index that is used twice without an end belongs to the later block.
        this.answer.finishTool(handle);
        const name = textOf(member(block, "name"));
        if (!name) throw brokenFault(this.#source, "called a tool without a name");
        this.answer.startTool(handle, { id: textOf(member(block, "id")), name });
        // Usually an empty object, with the input in deltas; some gateways send all of it here.
        const input = JSON.stringify(member(block, "input") ?? {});
        if (input !== "{}") this.answer.toolDelta(handle, input);
        break;
      }
    }
  }

  #delta(handle: string, delta: unknown): void {
    switch (member(delta, "type")) {
      case "text_delta":
        this.answer.text(textOf(member(delta, "text")));
        break;
      case "thinking_delta":
        this.answer.reasoning(textOf(member(delta, "thinking")));
        break;
      case "signature_delta":
        this.answer.sign(textOf(member(delta, "signature")));
        break;
      case "input_json_delta":
        this.answer.toolDelta(handle, textOf(member(delta, "partial_json")));
        break;
    }
  }

  #end(): void {
    this.answer.finish(stopReasons.get(this.#stopReason) ?? StopReason.END, this.#usage, this.#price);
    this.ended = true;
  }

  /** Counts are totals so far; a later event may repeat or leave out those of an earlier one. */
  #count(usage: unknown): void {
    const counts: Usage = this.#usage;
    counts.inputTokens = countOf(member(usage, "input_tokens")) ?? counts.inputTokens;
    counts.outputTokens = countOf(member(usage, "output_tokens")) ?? counts.outputTokens;
    counts.cacheReadTokens = countOf(member(usage, "cache_read_input_tokens")) ?? counts.cacheReadTokens;
    counts.cacheWriteTokens =
      countOf(member(usage, "cache_creation_input_tokens")) ?? counts.cacheWriteTokens;
    const details = member(usage, "output_tokens_details");
    counts.reasoningTokens = countOf(member(details, "thinking_tokens")) ?? counts.reasoningTokens;
  }
}

function handleOf(event: unknown): string {
  return String(member(event, "index") ?? "");
}

function toFault(source: FaultSource, event: unknown): Fault {
  const status = errorStatuses.get(textOf(member(member(event, "error"), "type"))) ?? 500;
  return statusFault(source, { status, body: JSON.stringify(event) });
}
