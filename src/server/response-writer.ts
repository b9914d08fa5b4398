import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { ChunkWriter } from "../transcode/chunk-writer.js";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { endReply } from "./reply.js";

const defaultStallMs = 30_000;

/** Sends the headers unless they have been sent, or the caller has left. */
export function sendHeaders(response: HttpResponse, status: number, headers: Headers | undefined): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, toNodeHeaders(headers));
}

/**
 * Writes a response of the protocol library. Chunks that are ready in the same turn of the event loop leave in
 * one write: a small message costs far less than a system call. Waits for a slow reader, and stops when it
 * leaves, also while waiting. Disconnects one that has taken nothing for `stallMs` milliseconds (default 30 s): it can
 * come back and go on where it was. Always ends the body's iterator.
 */
export async function writeResponse(
  request: HttpRequest,
  response: HttpResponse,
  source: UniversalServerResponse,
  { stallMs = defaultStallMs }: { readonly stallMs?: number } = {},
): Promise<void> {
  const body = source.body?.[Symbol.asyncIterator]();
  let ready = Promise.withResolvers<void>();
  const onReady = () => ready.resolve();
  const writer = new ChunkWriter({ response, onReady, onStall: () => response.destroy(), stallMs });
  const release = () => {
    onReady();
    body?.return?.().catch(() => undefined);
  };
  response.once("close", release);
  try {
    sendHeaders(response, source.status, source.header);
    for (let item = await body?.next(); item?.done === false; item = await body?.next()) {
      if (writer.add(item.value)) continue;
      await ready.promise;
      ready = Promise.withResolvers();
      if (response.destroyed) return;
    }
    if (source.trailer) response.addTrailers(toNodeHeaders(source.trailer));
    writer.flush();
    if (!response.destroyed) endReply(request, response, undefined);
  } finally {
    writer.close();
    release();
  }
}

function toNodeHeaders(headers: Headers | undefined): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = {};
  headers?.forEach((value, name) => {
    if (name !== "set-cookie") result[name] = value;
  });
  const cookies = headers?.getSetCookie() ?? [];
  if (cookies.length > 0) result["set-cookie"] = cookies;
  return result;
}
