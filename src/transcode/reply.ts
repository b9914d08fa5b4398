import type { OutgoingHttpHeaders } from "node:http";
import { constants } from "node:http2";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { ConnectError } from "@connectrpc/connect";
import { acceptsGzip } from "./accept.js";
import type { Dialect } from "./dialect.js";
import { requiredHeaders, requiredStatus } from "./http-error.js";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { announcesBody, headerValue, isGone, requestIdOf } from "./http-exchange.js";
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

/** A request and the response to it. */
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
  if (isGone(response) || response.headersSent) return;
  const unread = announcesBody(request) && !request.readableEnded;
  const size = Number(request.headers["content-length"] ?? Number.POSITIVE_INFINITY);
  const close = unread && size > drainLimitBytes;
  const http2 = "stream" in request;
  if (close && !http2) headers.connection = "close";
  response.writeHead(status, headers);
  const last = request.method === "HEAD" ? "" : body;
  if (unread) request.resume();
  if (!close || http2) response.end(last);
  else response.write(last);
  if (!close) return;
  afterRequest(request, () => {
    if (http2) request.stream.close(constants.NGHTTP2_NO_ERROR);
    else response.end();
  });
}

/**
 * Waits a moment for the rest of a request that is answered already, and throws it away. A connection closed
 * over unread bytes is reset, and the client may lose the reply.
 */
function afterRequest(request: HttpRequest, done: () => void): void {
  const settle = (): void => {
    clearTimeout(timer);
    request.off("end", settle).off("close", settle);
    done();
  };
  const timer = setTimeout(settle, lingerMs);
  request.on("end", settle).on("close", settle);
}
