import { create } from "@bufbuild/protobuf";
import type { Failure } from "../../gen/agentry/v1/error_pb.js";
import { FailureSchema } from "../../gen/agentry/v1/error_pb.js";
import { errorReasonOf } from "../core/error-reason.js";
import type { Fault } from "../core/fault.js";

/** A Fault as events and rows carry it. */
export function toFailure({ reason, message, detail }: Fault): Failure {
  return create(FailureSchema, {
    reason: errorReasonOf[reason],
    message: message.toWellFormed(),
    retryable: detail.retryable ?? false,
    provider: detail.provider ?? "",
    providerStatus: detail.providerStatus ?? 0,
  });
}
