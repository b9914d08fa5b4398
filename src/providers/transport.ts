import type { Purpose } from "../../gen/agentry/v1/message_pb.js";

/** The part of `fetch` that providers' clients use. */
export type ModelFetch = typeof fetch;

/** What a request is for. */
export interface CallContext {
  readonly providerId: string;
  readonly purpose: Purpose;
  readonly sessionId: string;
}

/** The way to every provider: over the network, or from a cassette. */
export interface Transport {
  /** Whether requests reach the provider itself, so that they need its key. */
  readonly live: boolean;
  /** Longest silence before the first byte of an answer and between two, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** The `fetch` for one call. */
  open(context: CallContext): ModelFetch;
  /** Resolves when everything that was asked for is done: a cassette's file is written. Idempotent. */
  close(): Promise<void>;
}
