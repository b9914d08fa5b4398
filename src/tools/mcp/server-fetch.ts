import { setTimeout as delay } from "node:timers/promises";
import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
import { isLoopbackHost, isSecureUrl } from "../../core/server-url.js";
import { limitResponse } from "./limit-response.js";

/** Milliseconds between two requests for the stream of a server: it may ask to be connected to again at once. */
const streamSpacingMs = 1_000;

/** A request to where this server must not lead anybody. */
class AddressRefusal extends Error {
  override readonly name = "AddressRefusal";
}

/**
 * The fetch of a connection to one server. It follows no redirect by itself and limits every answer. A bearer token
 * goes to the server's own origin alone. Other addresses, to which a server leads for authorization, have to be
 * https; a server on this machine may name others on this machine.
 */
export function createServerFetch(server: URL, bearer: string | undefined): FetchLike {
  let nextStream = 0;
  return async (input, init = {}) => {
    const url = new URL(input);
    const isOwn = url.origin === server.origin;
    if (!isOwn) checkForeign(url, server);
    const headers = new Headers(init.headers);
    headers.set("user-agent", "agentry");
    if (isOwn && bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
    if (isOwn && headers.get("accept") === "text/event-stream") {
      const now = performance.now();
      const wait = Math.max(0, nextStream - now);
      nextStream = now + wait + streamSpacingMs;
      if (wait > 0) await delay(wait, undefined, init.signal ? { signal: init.signal } : {});
    }
    const response = await fetch(url, { ...init, headers, redirect: "manual", credentials: "omit" });
    return limitResponse(response);
  };
}

/** @throws AddressRefusal for an address that a server may not lead to. */
export function checkForeign(url: URL, server: URL): void {
  if (!isSecureUrl(url)) throw new AddressRefusal(`it leads to ${shown(url)}, which is not https`);
  if (isLoopbackHost(url.hostname) && !isLoopbackHost(server.hostname))
    throw new AddressRefusal(`it leads to ${shown(url)}, which is this machine`);
}

const shown = ({ origin, protocol }: URL): string => (origin === "null" ? protocol : origin);
