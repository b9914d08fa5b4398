import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Http2ServerRequest } from "node:http2";

/** A request of node:http, or of node:http2 through its compatibility API. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;

/** What is used of a response of either kind. */
export interface HttpResponse {
  /** Only of node:http. */
  readonly destroyed?: boolean;
  /** Only of node:http2. */
  readonly stream?: { readonly destroyed: boolean };
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  getHeader(name: string): unknown;
  setHeader(name: string, value: string | number | readonly string[]): unknown;
  writeHead(status: number, headers?: OutgoingHttpHeaders): unknown;
  flushHeaders(): void;
  write(chunk: string | Uint8Array): boolean;
  end(): unknown;
  end(chunk: string | Uint8Array): unknown;
  destroy(error?: Error): unknown;
  on(event: "close" | "drain" | "error", listener: () => void): unknown;
  off(event: "close" | "drain" | "error", listener: () => void): unknown;
}

/** Whether nobody is there any more to read a response. */
export function isGone(response: HttpResponse): boolean {
  return response.destroyed === true || response.stream?.destroyed === true;
}

/** The value of a header that is sent once, or undefined. Of repeated ones the first. */
export function headerValue(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Whether the request says that a body follows. Over HTTP/2 a body may still prove to be empty. */
export function announcesBody(request: HttpRequest): boolean {
  const { headers } = request;
  const length = headers["content-length"];
  if (length !== undefined) return length !== "0";
  if (headers["transfer-encoding"] !== undefined) return true;
  return "stream" in request && !request.stream.endAfterHeaders;
}

/** The id that the server has given the request, or empty. */
export function requestIdOf(response: HttpResponse): string {
  const id = response.getHeader("x-request-id");
  return typeof id === "string" ? id : "";
}
