import type { Code } from "@connectrpc/connect";
import { httpStatus } from "../transcode/http-status.js";
import type { HttpRequest } from "./http-exchange.js";

/** How a call failed, where the HTTP status of its response does not tell. */
export interface CallFailure {
  readonly code: Code;
  /** The HTTP status that the same failure has in REST. */
  readonly status: number;
}

const failures = new WeakMap<HttpRequest, CallFailure>();

/** Keeps the code that a request is answered with in its protocol: in a trailer, a last message or an error event. */
export function noteFailure(request: HttpRequest, code: Code, status = httpStatus(code)): void {
  failures.set(request, { code, status });
}

/** The failure that was noted; undefined where the HTTP status says everything. */
export function failureOf(request: HttpRequest): CallFailure | undefined {
  return failures.get(request);
}
