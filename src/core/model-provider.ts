import type { JsonObject } from "@bufbuild/protobuf";
import type { Message, Purpose, StopReason, Usage } from "../../gen/agentry/v1/message_pb.js";
import type { Model } from "../../gen/agentry/v1/providers_pb.js";

/** A tool as the model is told of it. */
export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, an object schema. */
  readonly inputSchema: JsonObject;
}

/** One model call. */
export interface ModelRequest {
  /** The provider's name for the model. */
  readonly model: string;
  /** The system prompt; empty for none. */
  readonly system: string;
  /**
   * The history, oldest first, valid for every provider: it begins with a user message, and every tool
   * call of an assistant message is answered in the tool message that follows it.
   */
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDefinition[];
  /** Largest answer, in tokens. Absent: the model's own limit where the provider needs one. */
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  /** Tokens that may be spent on reasoning. Absent: none asked for. */
  readonly reasoningTokens?: number | undefined;
  /** A JSON Schema that the answer has to follow. */
  readonly outputSchema?: JsonObject | undefined;
  /** Where to send the request in place of the provider's own address; empty for that. */
  readonly baseUrl: string;
  readonly purpose: Purpose;
  /** The session it is for: cassettes are replayed per session. */
  readonly sessionId: string;
}

/**
 * What a model says, as it says it. Blocks come in order: each has an `index` (0, 1, 2 … within the call),
 * a `_started`, deltas, and a `_finished` with the whole; no block begins before the one before it has
 * finished, save tool inputs, which may interleave. Exactly one `finish` is last.
 */
export type ModelEvent =
  | { readonly type: "text_started"; readonly index: number }
  | { readonly type: "text_delta"; readonly index: number; readonly text: string }
  | { readonly type: "text_finished"; readonly index: number; readonly text: string }
  | { readonly type: "reasoning_started"; readonly index: number }
  | { readonly type: "reasoning_delta"; readonly index: number; readonly text: string }
  | {
      readonly type: "reasoning_finished";
      readonly index: number;
      readonly text: string;
      /** Opaque, sent back on later turns; empty where the provider has none. */
      readonly signature: string;
      /** Encrypted reasoning, sent back on later turns; empty where there is none. */
      readonly redacted: string;
    }
  | {
      readonly type: "tool_input_started";
      readonly index: number;
      /** The provider's id for the call; empty where it gives none (the engine then makes one). */
      readonly toolCallId: string;
      readonly name: string;
    }
  | { readonly type: "tool_input_delta"; readonly index: number; readonly json: string }
  | {
      readonly type: "tool_input_finished";
      readonly index: number;
      readonly name: string;
      /** The arguments' JSON text, whole; empty when the model sent none, which means `{}`. */
      readonly json: string;
    }
  | { readonly type: "finish"; readonly stopReason: StopReason; readonly usage: Usage };

/**
 * A provider of models.
 *
 * `stream` calls a model once, with no retries of its own. Failures are thrown as a Fault, before the
 * first event or after it, with `retryable`, `retryAfterMs`, `provider` and `providerStatus` in the
 * detail; their messages never hold a key. An answer that ends without the provider's own end mark is a
 * Fault (`unavailable`, retryable), never a `finish`. A stall longer than the idle time-out is a Fault
 * (`timeout`, retryable). It stops soon after `signal` fires and then throws a `canceled` Fault.
 */
export interface ModelProvider {
  /** For example `anthropic`. */
  readonly id: string;
  /** The models that the provider offers, by id. */
  models(signal: AbortSignal): Promise<Model[]>;
  stream(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
}

/** Finds the provider with an id, ready to be called. Throws `not_found`, or `invalid` for want of a key. */
export interface ModelProviders {
  get(providerId: string): Promise<ModelProvider>;
}
