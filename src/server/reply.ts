import { Code } from "@connectrpc/connect";
import type { Reason } from "../core/fault.js";
import { noteFailure } from "./call-outcome.js";
import { codeName, codeOfReason } from "./codes.js";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { headerOf } from "./http-exchange.js";
import { requestIdHeader } from "./request-id.js";
import type { RpcRefusal } from "./rpc-refusal.js";
import { rpcRefusal } from "./rpc-refusal.js";

/** An answer of no, given before any service is asked. */
export interface Refusal {
  readonly status: number;
  readonly reason: Reason;
  /** One sentence for the caller. */
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Milliseconds that a caller that still sends is given to read the answer before the connection closes. */
export const lingerMs = 500;

/**
 * Whether an HTTP/1.1 request has announced a body that has not arrived in full. Over HTTP/2 this is never
 * of interest, because a stream ends without harm to its connection.
 */
function isBodyPending(request: HttpRequest): boolean {
  if (request.httpVersionMajor !== 1 || request.complete) return false;
  const length = headerOf(request, "content-length");
  return request.headers["transfer-encoding"] !== undefined || (length !== undefined && Number(length) !== 0);
}

/**
 * Ends a response. A request body that nobody wants is not read to its end: the connection closes instead,
 * after a moment in which the caller can read the answer (a close with unread data is a reset).
 */
export function endReply(request: HttpRequest, response: HttpResponse, last?: Uint8Array | string): void {
  if (!isBodyPending(request)) {
    if (last === undefined) response.end();
    else response.end(last);
    return;
  }
  if (last === undefined) response.flushHeaders();
  else response.write(last);
  // The library may have destroyed the request by now, which takes its socket from it.
  const { socket } = response;
  const timer = setTimeout(() => {
    response.end();
    socket?.destroySoon();
  }, lingerMs);
  response.once("close", () => clearTimeout(timer));
}

/** Answers with a JSON body; to HEAD with its headers alone. */
export function replyJson(
  request: HttpRequest,
  response: HttpResponse,
  reply: { status: number; body: unknown; headers?: Readonly<Record<string, string>> },
): void {
  const text = `${JSON.stringify(reply.body)}\n`;
  response.writeHead(reply.status, {
    ...reply.headers,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    "cache-control": "no-store",
    ...(isBodyPending(request) ? { connection: "close" } : {}),
  });
  endReply(request, response, request.method === "HEAD" ? undefined : text);
}

/**
 * Answers with a refusal, as `{"code","message","reason","request_id"}`; to the calls of RPC clients that would not
 * read that, in their protocol.
 */
export function replyRefusal(request: HttpRequest, response: HttpResponse, refusal: Refusal): void {
  const { status, headers = {} } = refusal;
  const rpc = rpcRefusalOf(request, refusal);
  if (rpc) {
    noteFailure(request, rpc.code, status);
    return replyRpc(request, response, { ...rpc, headers: { ...headers, ...rpc.headers } });
  }
  const body = refusalBody(refusal, headerOf(request, requestIdHeader) ?? "");
  replyJson(request, response, { status, body, headers });
}

/** Undefined also for 415: who sends the type of another protocol may speak none of them. */
function rpcRefusalOf(
  request: HttpRequest,
  { status, reason, message }: Refusal,
): (RpcRefusal & { readonly code: Code }) | undefined {
  if (request.method !== "POST" || status === 415) return undefined;
  const contentType = headerOf(request, "content-type") ?? "";
  // A method that is not there has this code in gRPC, and clients that try several rely on it.
  const isGrpc = /^application\/grpc/i.test(contentType);
  const code = status === 404 && isGrpc ? Code.Unimplemented : codeOfReason[reason];
  const refusal = rpcRefusal(contentType, { code, message });
  return refusal && { ...refusal, code };
}

function replyRpc(request: HttpRequest, response: HttpResponse, { headers, body }: RpcRefusal): void {
  if (!body && "stream" in response) {
    // In one frame, as Trailers-Only must be: `end` would add an empty one with the end of the stream.
    response.stream.respond({ ...response.getHeaders(), ...headers, ":status": 200 }, { endStream: true });
    response.end();
    return;
  }
  response.writeHead(200, {
    ...headers,
    "content-length": String(body?.length ?? 0),
    ...(isBodyPending(request) ? { connection: "close" } : {}),
  });
  endReply(request, response, body);
}

/** What a refusal says in JSON. */
export function refusalBody({ reason, message }: Refusal, requestId: string): Record<string, string> {
  return { code: codeName(codeOfReason[reason]), message, reason, request_id: requestId };
}
