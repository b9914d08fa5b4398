import { ErrorReason } from "../../gen/agentry/v1/error_pb.js";
import type { Reason } from "./fault.js";

/** The member of the protocol's enum for each reason. */
export const errorReasonOf: Readonly<Record<Reason, ErrorReason>> = {
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
