/** Why something failed: a closed list, the words of agentry.v1.ErrorReason. */
export type Reason =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "busy"
  | "exhausted"
  | "unavailable"
  | "canceled"
  | "unsupported"
  | "internal"
  | "out_of_range"
  | "timeout";

/** Facts about a failure, safe to show to the caller. */
export interface FaultDetail {
  /** Milliseconds to wait before trying again. */
  readonly retryAfterMs?: number;
  /** With `out_of_range`: the newest position of the session. */
  readonly headSeq?: number;
  /** Whether the same request may succeed later. Set once, where the failure is first understood. */
  readonly retryable?: boolean;
  /** Provider id, where a provider was the cause. */
  readonly provider?: string;
  /** HTTP status that the provider answered with. */
  readonly providerStatus?: number;
  /** Further facts by name. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A failure we understand: why, in a word; what, in a sentence fit for the caller. */
export class Fault extends Error {
  override readonly name = "Fault";
  constructor(
    readonly reason: Reason,
    message: string,
    readonly detail: FaultDetail = {},
    cause?: unknown,
  ) {
    super(message, { cause });
  }

  /** Anything thrown, as a Fault: an unknown error becomes `internal` with its message withheld. */
  static from(error: unknown): Fault {
    if (error instanceof Fault) return error;
    return new Fault("internal", "internal error", {}, error);
  }
}

/** A request that is wrong whatever is stored. `metadata` is shown to the caller. */
export const invalid = (message: string, metadata?: Record<string, string>): Fault =>
  new Fault("invalid", message, metadata ? { metadata } : {});

/** Something that was asked for by its id and is not there. */
export const notFound = (kind: string, id: string): Fault =>
  new Fault("not_found", `${kind} ${JSON.stringify(id)} does not exist`, { metadata: { kind, id } });

/** A request that does not go with what is stored. `metadata` is shown to the caller. */
export const conflict = (message: string, metadata?: Record<string, string>): Fault =>
  new Fault("conflict", message, metadata ? { metadata } : {});

/** Work that somebody has called off. */
export const canceled = (message = "canceled"): Fault => new Fault("canceled", message);
