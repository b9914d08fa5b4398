import { Code } from "@connectrpc/connect";
import type { ErrorReason } from "../../gen/agentry/v1/error_pb.js";
import { errorReasonOf } from "../core/error-reason.js";
import type { Reason } from "../core/fault.js";

/** The Connect code of each reason. `conflict` and `busy` share one; the reason in the detail tells them apart. */
export const codeOfReason: Record<Reason, Code> = {
  invalid: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  forbidden: Code.PermissionDenied,
  not_found: Code.NotFound,
  conflict: Code.Aborted,
  busy: Code.Aborted,
  exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  canceled: Code.Canceled,
  unsupported: Code.Unimplemented,
  internal: Code.Internal,
  out_of_range: Code.OutOfRange,
  timeout: Code.DeadlineExceeded,
};

/** The reason for an error that came with a code alone. */
export const reasonOfCode: Record<Code, Reason> = {
  [Code.Canceled]: "canceled",
  [Code.Unknown]: "internal",
  [Code.InvalidArgument]: "invalid",
  [Code.DeadlineExceeded]: "timeout",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "conflict",
  [Code.PermissionDenied]: "forbidden",
  [Code.ResourceExhausted]: "exhausted",
  [Code.FailedPrecondition]: "conflict",
  [Code.Aborted]: "conflict",
  [Code.OutOfRange]: "out_of_range",
  [Code.Unimplemented]: "unsupported",
  [Code.Internal]: "internal",
  [Code.Unavailable]: "unavailable",
  [Code.DataLoss]: "internal",
  [Code.Unauthenticated]: "unauthenticated",
};

/** The reason that an ErrorInfo gives; `internal` for one of a newer protocol. */
export function reasonOf(value: ErrorReason): Reason {
  for (const [reason, errorReason] of Object.entries(errorReasonOf)) {
    if (errorReason === value && isReason(reason)) return reason;
  }
  return "internal";
}

function isReason(word: string): word is Reason {
  return Object.hasOwn(codeOfReason, word);
}

/** The Connect protocol's name of a code, for example `not_found`. */
export function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}
