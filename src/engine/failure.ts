import { create } from "@bufbuild/protobuf";
import type { Failure } from "../../gen/agentry/v1/error_pb.js";
import { ErrorReason, FailureSchema } from "../../gen/agentry/v1/error_pb.js";
import type { Fault, Reason } from "../core/fault.js";

/** The protocol's word for each reason. */
export const errorReasons: Readonly<Record<Reason, ErrorReason>> = {
  invalid: ErrorReason.INVALID,
  unauthenticated: ErrorReason.UNAUTHENTICATED,
  forbidden: ErrorReason.FORBIDDEN,
  not_found: ErrorReason.NOT_FOUND,
  conflict: ErrorReason.CONFLICT,
  busy: ErrorReason.BUSY,
  exhausted: ErrorReason.EXHAUSTED,
  unavailable: ErrorReason.UNAVAILABLE,
  canceled: ErrorReason.CANCELED,
  unsupported: ErrorReason.UNSUPPORTED,
  internal: ErrorReason.INTERNAL,
  out_of_range: ErrorReason.OUT_OF_RANGE,
  timeout: ErrorReason.TIMEOUT,
};

/** A Fault as events and rows carry it. */
export function toFailure({ reason, message, detail }: Fault): Failure {
  return create(FailureSchema, {
    reason: errorReasons[reason],
    message: message.toWellFormed(),
    retryable: detail.retryable ?? false,
    provider: detail.provider ?? "",
    providerStatus: detail.providerStatus ?? 0,
  });
}
