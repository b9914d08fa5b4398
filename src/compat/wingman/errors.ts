import type { Failure } from "../../../gen/agentry/v1/error_pb.js";
import { ErrorReason } from "../../../gen/agentry/v1/error_pb.js";
import type { Reason } from "../../core/fault.js";
import { Fault } from "../../core/fault.js";

/** An error as the table reads it. */
export interface WingmanErrorInput {
  readonly reason: Reason;
  readonly message: string;
  readonly requestId: string;
  /** False for what was refused before a service was asked, such as a body that is no JSON. */
  readonly fromService: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs?: number | undefined;
}

/** An error as Wingman spells it. */
export interface WingmanError {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & { readonly error: string };
}

/** Marks what happened while the agent worked: it is answered with 500, whatever its reason. */
const inference = { phase: "inference" } as const;

const statusOf: Record<Reason, number> = {
  invalid: 400,
  out_of_range: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  unsupported: 405,
  conflict: 409,
  busy: 409,
  exhausted: 413,
  canceled: 499,
  internal: 500,
  unavailable: 503,
  timeout: 504,
};

/** The table of errors: status, the sentence in `error`, and beside it what Wingman did not say. */
export function toWingmanError(input: WingmanErrorInput): WingmanError {
  const { reason, requestId, metadata, retryAfterMs } = input;
  const unread = reason === "invalid" && !input.fromService;
  const body = {
    error: unread ? "invalid request body" : sentence(input),
    code: reason,
    request_id: requestId,
    ...(unread && { detail: input.message }),
    ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
  };
  return { status: metadata.phase === inference.phase ? 500 : statusOf[reason], body };
}

function sentence({ reason, message, metadata: { kind, id } }: WingmanErrorInput): string {
  return reason === "not_found" && kind && id !== undefined ? `${kind} not found: ${id}` : message;
}

/** A body that is no request, in the words of Wingman's server. */
export const invalidBody = (): Fault => new Fault("invalid", "invalid request body");

/** Something that does not exist, in the words of Wingman's server. */
export const missing = (kind: string, id: string): Fault =>
  new Fault("not_found", `${kind} not found: ${id}`);

const reasons: Record<ErrorReason, Reason> = {
  [ErrorReason.UNSPECIFIED]: "internal",
  [ErrorReason.INVALID]: "invalid",
  [ErrorReason.UNAUTHENTICATED]: "unauthenticated",
  [ErrorReason.FORBIDDEN]: "forbidden",
  [ErrorReason.NOT_FOUND]: "not_found",
  [ErrorReason.CONFLICT]: "conflict",
  [ErrorReason.BUSY]: "busy",
  [ErrorReason.EXHAUSTED]: "exhausted",
  [ErrorReason.UNAVAILABLE]: "unavailable",
  [ErrorReason.CANCELED]: "canceled",
  [ErrorReason.UNSUPPORTED]: "unsupported",
  [ErrorReason.INTERNAL]: "internal",
  [ErrorReason.OUT_OF_RANGE]: "out_of_range",
  [ErrorReason.TIMEOUT]: "timeout",
};

/** What became of a run that a fault ended. */
export function inferenceFailed(failure: Failure | undefined): Fault {
  const reason = failure ? reasons[failure.reason] : "internal";
  const who = failure?.provider ? `${failure.provider}: ` : "";
  const status = failure?.providerStatus ? `API error ${failure.providerStatus}: ` : "";
  return runEnded(reason, `inference failed: ${who}${status}${failure?.message ?? "unknown failure"}`);
}

/** What became of a run that ended without an answer. */
export function runEnded(reason: Reason, message: string): Fault {
  return new Fault(reason, message, { metadata: inference });
}

/** An agent that cannot be asked because it does not say whom to ask. */
export const noProvider = (): Fault => runEnded("invalid", "agent has no provider configured");
