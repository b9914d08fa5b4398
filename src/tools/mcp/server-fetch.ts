import { setTimeout as delay } from "node:timers/promises";
import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ErrorCode } from "@modelcontextprotocol/sdk/types.js";
import { isLoopbackHost, isSecureUrl } from "../../core/server-url.js";
import { limitResponse } from "./limit-response.js";
import { patientFetch } from "./patient-fetch.js";
import { isRecord } from "./plain-json.js";

/** Milliseconds between two requests for the stream of a server: it may ask to be connected to again at once. */
const streamSpacingMs = 1_000;
/** Requests that wait for an answer at a time: a server may ask for one with every message. */
const mostWaiting = 256;

/** A request to where this server must not lead anybody. */
class AddressRefusal extends Error {
  override readonly name = "AddressRefusal";
}

/**
 * The fetch of a connection to one server. It follows no redirect by itself, limits every answer and waits for it
 * without a limit of its own. A bearer token goes to the server's own origin alone. Other addresses, to which a
 * server leads for authorization, have to be https; a server on this machine may name others on this machine. Where
 * the events that answer a request break off, the request is answered by an error.
 */
export function createServerFetch(server: URL, bearer: string | undefined): FetchLike {
  let nextStream = 0;
  let waiting = 0;
  return async (input, init = {}) => {
    const url = new URL(input);
    const isOwn = url.origin === server.origin;
    if (!isOwn) checkForeign(url, server);
    const headers = new Headers(init.headers);
    headers.set("user-agent", "agentry");
    if (isOwn && bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
    const signal = init.signal ?? undefined;
    if (isOwn && headers.get("accept") === "text/event-stream") {
      const now = performance.now();
      const wait = Math.max(0, nextStream - now);
      nextStream = now + wait + streamSpacingMs;
      if (wait > 0) await delay(wait, undefined, signal ? { signal } : {});
    }
    if (waiting >= mostWaiting) throw new Error("too many requests to it wait for an answer");
    waiting += 1;
    try {
      const body = init.body ? String(init.body) : undefined;
      const response = await patientFetch(url, { method: init.method ?? "GET", headers, body, signal });
      return limitResponse(response, isOwn ? farewellTo(body) : undefined);
    } finally {
      waiting -= 1;
    }
  };
}

/** @throws AddressRefusal for an address that a server may not lead to. */
export function checkForeign(url: URL, server: URL): void {
  if (!isSecureUrl(url)) throw new AddressRefusal(`it leads to ${shown(url)}, which is not https`);
  if (isLoopbackHost(url.hostname) && !isLoopbackHost(server.hostname))
    throw new AddressRefusal(`it leads to ${shown(url)}, which is this machine`);
}

const shown = ({ origin, protocol }: URL): string => (origin === "null" ? protocol : origin);

/** The event that answers a request by an error; undefined for a body that is no request. */
function farewellTo(body: string | undefined): ((why: string) => string) | undefined {
  if (!body?.startsWith("{")) return undefined;
  const request: unknown = JSON.parse(body);
  if (!isRecord(request) || request.id === undefined || typeof request.method !== "string") return undefined;
  const { id } = request;
  return (message) => {
    const error = { code: ErrorCode.InternalError, message };
    return `\n\ndata: ${JSON.stringify({ jsonrpc: "2.0", id, error })}\n\n`;
  };
}
