import { failureOf } from "./call-outcome.js";
import { codeName } from "./codes.js";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { pathnameOf } from "./http-exchange.js";
import type { Logger } from "./logger.js";

const maxPathLength = 512;

/**
 * Logs a request when its response has ended or its caller has left: method, path without query, status,
 * milliseconds and id, and the code with which a call over RPC or a stream failed. Successes at `debug`, refusals at
 * `info`, failures of the server at `warn`, on every protocol.
 */
export function logAccess(
  request: HttpRequest,
  response: HttpResponse,
  requestId: string,
  log: Logger,
): void {
  const startedAt = performance.now();
  const path = pathnameOf(request).slice(0, maxPathLength);
  response.once("close", () => {
    const status = response.headersSent ? response.statusCode : 0;
    const failure = failureOf(request);
    const level = levelOf(failure?.status ?? status);
    if (!log.isLevelEnabled(level)) return;
    const line = {
      method: request.method,
      path,
      status,
      ...(failure && { code: codeName(failure.code) }),
      ms: Math.round(performance.now() - startedAt),
      request_id: requestId,
      ...(isCut(response) && { cut: true }),
    };
    log[level](line, "request");
  });
}

/** Whether the response did not reach its end. A stream of HTTP/2 counts as finished also when it is cut. */
function isCut(response: HttpResponse): boolean {
  return !("stream" in response ? response.writableEnded : response.writableFinished);
}

function levelOf(status: number): "debug" | "info" | "warn" {
  if (status >= 500) return "warn";
  return status >= 400 ? "info" : "debug";
}
