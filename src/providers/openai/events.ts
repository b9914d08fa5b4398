import { create } from "@bufbuild/protobuf";
import { StopReason, UsageSchema } from "../../../gen/agentry/v1/message_pb.js";
import type { Price } from "../../../gen/agentry/v1/providers_pb.js";
import type { Fault } from "../../core/fault.js";
import type { ModelEvent } from "../../core/model-provider.js";
import { Answer } from "../answer.js";
import { doneMark } from "../event-stream.js";
import type { FaultSource } from "../faults.js";
import { brokenFault, statusFault } from "../faults.js";
import { listOf, member, textOf } from "../json-value.js";
import { readBatches } from "../read-batches.js";
import { ToolCalls } from "./tool-calls.js";
import { toUsage } from "./usage.js";

const stopReasons = new Map([
  ["stop", StopReason.END],
  ["tool_calls", StopReason.TOOL_CALLS],
  ["function_call", StopReason.TOOL_CALLS],
  ["length", StopReason.MAX_TOKENS],
  ["model_length", StopReason.MAX_TOKENS],
  ["content_filter", StopReason.REFUSAL],
]);

/** HTTP statuses of the errors that arrive within a stream, by their type or code. */
const errorStatuses = new Map([
  ["invalid_request_error", 400],
  ["context_length_exceeded", 400],
  ["authentication_error", 401],
  ["invalid_api_key", 401],
  ["insufficient_quota", 429],
  ["rate_limit_exceeded", 429],
  ["rate_limit_error", 429],
  ["server_error", 500],
  ["overloaded_error", 529],
]);

/**
 * The chunks of Chat Completions as ModelEvents, in batches. The answer is whole when a chunk gave a finish reason;
 * usage comes after it, and `[DONE]` last, which some servers leave out. Throws a Fault for an error in the
 * stream and for a stream that ends before a finish reason.
 */
export async function* fromChatChunks(
  chunks: AsyncIterable<readonly unknown[]>,
  source: FaultSource,
  price: Price | undefined,
): AsyncGenerator<readonly ModelEvent[], void> {
  const reader = new ChunkReader(source);
  yield* readBatches(chunks, {
    read: (chunk) => {
      if (chunk === doneMark) return true;
      reader.read(chunk);
      return false;
    },
    take: () => reader.answer.take(),
  });
  reader.end(price);
  yield reader.answer.take();
}

class ChunkReader {
  readonly answer = new Answer();
  readonly #calls = new ToolCalls(this.answer);
  readonly #source: FaultSource;
  #usage = create(UsageSchema);
  #finishReason = "";
  #refused = false;

  constructor(source: FaultSource) {
    this.#source = source;
  }

  read(chunk: unknown): void {
    const error = member(chunk, "error");
    if (error) throw toFault(this.#source, chunk, error);
    // Groq puts the usage elsewhere.
    const usage = member(chunk, "usage") ?? member(member(chunk, "x_groq"), "usage");
    if (usage) this.#usage = toUsage(usage);
    const choice = listOf(member(chunk, "choices"))[0];
    if (choice === undefined) return;
    this.#delta(member(choice, "delta") ?? member(choice, "message"));
    this.#finishReason = textOf(member(choice, "finish_reason")) || this.#finishReason;
  }

  end(price: Price | undefined): void {
    if (this.#finishReason === "") throw brokenFault(this.#source, "broke off its answer");
    if (this.#finishReason === "error") throw brokenFault(this.#source, "failed in the middle of its answer");
    if (this.#calls.hasNameless) throw brokenFault(this.#source, "called a tool without a name");
    const reason = stopReasons.get(this.#finishReason) ?? StopReason.END;
    const refused = this.#refused && this.answer.toolCalls === 0;
    this.answer.finish(refused ? StopReason.REFUSAL : reason, this.#usage, price);
  }

  #delta(delta: unknown): void {
    this.answer.reasoning(textOf(member(delta, "reasoning_content")) || textOf(member(delta, "reasoning")));
    this.#content(member(delta, "content"));
    const refusal = textOf(member(delta, "refusal"));
    if (refusal !== "") {
      this.#refused = true;
      this.answer.text(refusal);
    }
    this.#calls.read(member(delta, "tool_calls"));
  }

  /** Text, or with Mistral a list of texts and thoughts. */
  #content(content: unknown): void {
    this.answer.text(textOf(content));
    for (const part of listOf(content)) {
      this.answer.text(textOf(member(part, "text")));
      for (const thought of listOf(member(part, "thinking"))) {
        this.answer.reasoning(textOf(member(thought, "text")));
      }
    }
  }
}

function toFault(source: FaultSource, chunk: unknown, error: unknown): Fault {
  const code = member(error, "code");
  const named = errorStatuses.get(textOf(code)) ?? errorStatuses.get(textOf(member(error, "type")));
  const number = typeof code === "number" && code >= 400 && code <= 599 ? code : undefined;
  return statusFault(source, { status: number ?? named ?? 500, body: JSON.stringify(chunk) });
}
