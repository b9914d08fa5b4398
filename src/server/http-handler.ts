import { logAccess } from "./access-log.js";
import type { Authenticator } from "./auth.js";
import type { Guard } from "./guard.js";
import { createHealth } from "./health.js";
import type { HttpHandler, HttpRequest, HttpResponse, Mount } from "./http-exchange.js";
import { headerOf, pathnameOf } from "./http-exchange.js";
import type { Logger } from "./logger.js";
import { notFoundHandler } from "./not-found.js";
import type { Refusal } from "./reply.js";
import { replyRefusal } from "./reply.js";
import { assignRequestId } from "./request-id.js";

/** What the handler of every request works with. */
export interface HttpHandlerOptions {
  readonly guard: Guard;
  readonly authenticate: Authenticator;
  readonly isDraining: () => boolean;
  /** Answers before callers are asked who they are. Default: nothing does. */
  readonly open?: Mount;
  /** Asked in order; the first that matches answers. */
  readonly mounts: readonly Mount[];
  /** Bytes above which a body that asks for leave to come is refused. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  readonly log: Logger;
}

interface Routing extends HttpHandlerOptions {
  readonly health: Mount;
}

const securityHeaders = [
  ["x-content-type-options", "nosniff"],
  ["cross-origin-resource-policy", "same-origin"],
  ["referrer-policy", "no-referrer"],
] as const;

const ignore = (): undefined => undefined;

/**
 * The way of every request: id, headers, guard, what is open to everybody, authentication, then the first mount that
 * matches, or 404. Refusals are JSON, and the body of a refused request is not read.
 */
export function createHttpHandler(options: HttpHandlerOptions): HttpHandler {
  const { log } = options;
  const routing = { ...options, health: createHealth(options.isDraining) };
  return (request, response) => {
    const requestId = assignRequestId(request, response);
    for (const [name, value] of securityHeaders) response.setHeader(name, value);
    logAccess(request, response, requestId, log);
    // A caller that leaves makes its request and response emit errors; `close` tells all there is to know.
    request.on("error", ignore);
    response.on("error", ignore);
    try {
      route(routing, request, response);
    } catch (error) {
      log.error({ request_id: requestId, err: error }, "a request was not understood");
      throw error;
    }
  };
}

function route(options: Routing, request: HttpRequest, response: HttpResponse): void {
  const foreign = options.guard(request);
  if (foreign) return replyRefusal(request, response, foreign);
  const pathname = pathnameOf(request);
  if (options.health.matches(pathname, request)) return options.health.handle(request, response);
  if (options.open?.matches(pathname, request)) return options.open.handle(request, response);
  const refusal = options.authenticate(request, pathname);
  if (refusal) return replyRefusal(request, response, refusal);
  const mount = options.mounts.find((candidate) => candidate.matches(pathname, request));
  if (!mount) return notFoundHandler(request, response);
  if (headerOf(request, "expect")?.toLowerCase() === "100-continue") {
    const tooLarge = checkLength(request, options.maxBodyBytes ?? 4 * 1024 * 1024);
    if (tooLarge) return replyRefusal(request, response, tooLarge);
    // Only now is the caller told to send the body that it announced.
    response.writeContinue();
  }
  mount.handle(request, response);
}

/** Refuses what whoever reads the body would refuse: streams have a limit for each message, not for them all. */
function checkLength(request: HttpRequest, maxBytes: number): Refusal | undefined {
  const isStream = /^application\/(connect\+|grpc)/i.test(headerOf(request, "content-type") ?? "");
  if (isStream || !(Number(headerOf(request, "content-length")) > maxBytes)) return undefined;
  const message = `the request body is larger than ${maxBytes} bytes`;
  return { status: 413, reason: "exhausted", message };
}
