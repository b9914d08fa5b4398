import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorInfo } from "../../gen/agentry/v1/error_pb.js";
import { ErrorInfoSchema } from "../../gen/agentry/v1/error_pb.js";
import { errorReasonOf } from "../core/error-reason.js";
import { Fault } from "../core/fault.js";
import { codeOfReason, reasonOfCode } from "./codes.js";

/** A Fault as the error of every protocol: its code, an ErrorInfo, and `Retry-After` where it says when. */
export function toConnectError(fault: Fault, requestId: string): ConnectError {
  const { retryAfterMs, headSeq, metadata = {} } = fault.detail;
  const info = create(ErrorInfoSchema, {
    reason: errorReasonOf[fault.reason],
    requestId,
    metadata: { ...metadata },
  });
  if (retryAfterMs !== undefined) info.retryAfterMs = toUint32(retryAfterMs);
  if (headSeq !== undefined) info.headSeq = toUint32(headSeq);
  const headers: Record<string, string> = {};
  if (retryAfterMs !== undefined) headers["retry-after"] = String(Math.ceil(toUint32(retryAfterMs) / 1000));
  const code = codeOfReason[fault.reason];
  return new ConnectError(
    fault.message,
    code,
    headers,
    [{ desc: ErrorInfoSchema, value: info }],
    fault.cause,
  );
}

/** The ErrorInfo of an error; made from its code when it carries none. */
export function errorInfoOf(error: ConnectError, requestId: string): ErrorInfo {
  const [info] = error.findDetails(ErrorInfoSchema);
  if (info) return info;
  return create(ErrorInfoSchema, { reason: errorReasonOf[reasonOfCode[error.code]], requestId });
}

/** What the library calls internal although the caller sent it. */
const callersMistake = /^(parse binary: |decompression failed$|received compressed envelope, but )/;

const jsonMistake = /^cannot decode \w+ \S+ from JSON: /;

/** The caller's strings may be secrets in a wrong place. */
function withoutValues(text: string): string {
  return text
    .replace(/from JSON: .* is not valid JSON$/s, "from JSON: it is not valid JSON")
    .replace(/(got|from JSON:) ".*"/s, "$1 a string");
}

/**
 * What the protocol library found wrong with a request, set right before it is written: a message that cannot
 * be decoded is the caller's fault, not an internal one, its text quotes nothing of the request, and every error
 * carries an ErrorInfo.
 */
export function refineProtocolError(error: ConnectError, requestId: string): void {
  if (error.code === Code.Internal && callersMistake.test(error.rawMessage)) {
    Object.assign(error, { code: Code.InvalidArgument, message: `[invalid_argument] ${error.rawMessage}` });
  }
  if (error.code === Code.InvalidArgument && jsonMistake.test(error.rawMessage)) {
    const rawMessage = withoutValues(error.rawMessage);
    Object.assign(error, { rawMessage, message: `[invalid_argument] ${rawMessage}` });
  }
  if (error.findDetails(ErrorInfoSchema).length > 0) return;
  error.details.push({ desc: ErrorInfoSchema, value: errorInfoOf(error, requestId) });
}

/** What a broken promise means: time-outs and aborts of the platform are no faults of the server. */
export function toFault(error: unknown): Fault {
  if (error instanceof Fault || !(error instanceof Error)) return Fault.from(error);
  if (error.name === "TimeoutError") return new Fault("timeout", "a deadline passed", {}, error);
  if (error.name === "AbortError") return new Fault("canceled", "canceled", {}, error);
  return Fault.from(error);
}

function toUint32(value: number): number {
  return Math.min(0xffffffff, Math.max(0, Math.ceil(value) || 0));
}
