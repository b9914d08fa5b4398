import type { OutgoingHttpHeaders } from "node:http";
import { constants } from "node:http2";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ConnectError } from "@connectrpc/connect";
import { acceptsGzip } from "./accept.js";
import type { Dialect } from "./dialect.js";
import { requiredHeaders, requiredStatus } from "./http-error.js";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { announcesBody, headerValue, requestIdOf } from "./http-exchange.js";
import { httpStatus } from "./http-status.js";
import { addHeaders } from "./response-headers.js";

const gzipAsync = promisify(gzip);
const compressFromBytes = 1024;
const drainLimitBytes = 64 * 1024;
const lingerMs = 1000;

/** A reply in one piece. */
export interface UnaryReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Headers of the service or the dialect. */
  readonly headers?: Iterable<readonly [string, string]> | undefined;
}

export interface Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/** Sends a reply in one piece, compressed where it is large and the caller takes gzip; no body for HEAD. */
export async function sendReply(exchange: Exchange, reply: UnaryReply): Promise<void> {
  const { request } = exchange;
  const size = typeof reply.body === "string" ? Buffer.byteLength(reply.body) : reply.body.length;
  const headers: OutgoingHttpHeaders = {
    "content-type": reply.contentType,
    "content-length": size,
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  };
  if (reply.headers) addHeaders(headers, reply.headers);
  let { body } = reply;
  if (size > compressFromBytes) {
    headers.vary ??= "accept-encoding";
    if (acceptsGzip(headerValue(request.headers, "accept-encoding"))) {
      body = await gzipAsync(body);
      headers["content-encoding"] = "gzip";
      headers["content-length"] = body.length;
    }
  }
  send(exchange, reply.status, headers, body);
}

/** Answers with an error in the words of a dialect. A dialect that fails itself is answered for with 500. */
export function sendError(exchange: Exchange, dialect: Dialect, error: ConnectError): void {
  const reply = errorReply(dialect, error, requestIdOf(exchange.response));
  const headers: OutgoingHttpHeaders = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(reply.text),
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
  };
  addHeaders(headers, error.metadata);
  addHeaders(headers, Object.entries(reply.headers));
  send(exchange, reply.status, headers, reply.text);
}

function errorReply(dialect: Dialect, error: ConnectError, requestId: string) {
  const required = requiredStatus(error);
  const ownHeaders = requiredHeaders(error);
  try {
    const { status, headers, body } = dialect.error(error, requestId);
    return {
      status: required ?? status,
      headers: { ...headers, ...ownHeaders },
      text: JSON.stringify(body) ?? "null",
    };
  } catch {
    return {
      status: required ?? httpStatus(error.code),
      headers: ownHeaders,
      text: '{"message":"internal error"}',
    };
  }
}

function send(
  { request, response }: Exchange,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Uint8Array,
): void {
  if (response.destroyed || response.headersSent) return;
  const unread = announcesBody(request) && !request.readableEnded;
  const linger =
    unread && Number(request.headers["content-length"] ?? Number.POSITIVE_INFINITY) > drainLimitBytes;
  const http1 = request.httpVersionMajor === 1;
  if (linger && http1) headers.connection = "close";
  response.writeHead(status, headers);
  if (unread) request.resume();
  if (linger && http1) {
    if (request.method !== "HEAD") response.write(body);
    endAfterRequest(request, response);
  } else if (request.method === "HEAD") response.end();
  else response.end(body);
  // Tells an HTTP/2 client to stop sending (RFC 9113, 8.1).
  if (linger && "stream" in request) request.stream.close(constants.NGHTTP2_NO_ERROR);
}

/**
 * Ends a reply that was sent before the request was. A socket closed over unread bytes is reset, and the
 * client may lose the reply: so the rest is thrown away for a moment, and then the connection is closed.
 */
function endAfterRequest(request: HttpRequest, response: HttpResponse): void {
  const end = (): void => {
    clearTimeout(timer);
    request.off("end", end).off("close", end);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.on("end", end).on("close", end);
}
