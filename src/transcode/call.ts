import type { ConnectError, ContextValues } from "@connectrpc/connect";
import { CallContext } from "./call-context.js";
import { readTimeoutMs } from "./deadline.js";
import type { Dialect } from "./dialect.js";
import { deadlineExceeded, toConnectError } from "./http-error.js";
import type { HttpRequest } from "./http-exchange.js";
import type { Exchange } from "./reply.js";
import { sendError } from "./reply.js";
import type { RequestParts } from "./request-binding.js";
import type { CompiledBinding } from "./rules.js";

/** A request that has found its binding. */
export interface Call extends Exchange, RequestParts {}

/** Answers a call. Never rejects. */
export type CallHandler = (call: Call) => void;

/** What every handler needs beside its method. */
export interface HandlerOptions {
  readonly binding: CompiledBinding;
  readonly dialect: Dialect;
  readonly contextValues: ((request: HttpRequest) => ContextValues) | undefined;
  readonly onError: ((error: unknown, request: HttpRequest) => void) | undefined;
  readonly onStreamFailure: ((error: ConnectError, request: HttpRequest) => void) | undefined;
}

/** Opens the context of a call. Throws a 400 where its timeout is malformed. */
export function openContext(options: HandlerOptions, { request, response }: Call): CallContext {
  return new CallContext({
    method: options.binding.method,
    request,
    response,
    timeoutMs: readTimeoutMs(request.headers),
    createValues: options.contextValues,
  });
}

/** Calls back once when the deadline has passed, after the signal has aborted. Returns what clearTimeout takes. */
export function watchDeadline(
  context: CallContext,
  expired: (error: ConnectError) => void,
): NodeJS.Timeout | undefined {
  const remaining = context.timeoutMs();
  if (remaining === undefined) return undefined;
  return setTimeout(() => {
    const error = deadlineExceeded();
    context.abort(error);
    expired(error);
  }, remaining);
}

/** Answers with an error before anything else has been sent. What was not foreseen is reported. */
export function fail(options: HandlerOptions, call: Call, thrown: unknown): void {
  const error = toConnectError(thrown);
  if (error !== thrown) options.onError?.(thrown, call.request);
  sendError(call, options.dialect, error);
}
