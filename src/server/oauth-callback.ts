import type { HttpHandler, HttpRequest, Mount } from "./http-exchange.js";
import { pathnameOf } from "./http-exchange.js";
import { endReply } from "./reply.js";

/** Where browsers come back to from the authorization page of an MCP server. */
export const callbackPath = "/oauth/callback";

/**
 * Whether a request is a browser's return. It comes from another site, and without a token: what lets it in is the
 * `state` that only the page was told.
 */
export function isReturn(request: HttpRequest): boolean {
  return request.method === "GET" && pathnameOf(request) === callbackPath;
}

/** Takes the returns of browsers and tells their users what came of it. Nothing of a request is shown. */
export function createOAuthCallback(takeReturn: (query: URLSearchParams) => boolean): Mount {
  const handle: HttpHandler = (request, response) => {
    const query = new URLSearchParams((request.url ?? "").slice(callbackPath.length));
    const taken = takeReturn(query);
    const text = taken
      ? "Agentry has what it needs. You can close this page.\n"
      : "Nothing waits for this page any more. Ask Agentry again.\n";
    response.writeHead(taken ? 200 : 400, {
      "content-type": "text/plain; charset=utf-8",
      "content-length": String(Buffer.byteLength(text)),
      "content-security-policy": "default-src 'none'",
      "cache-control": "no-store",
    });
    endReply(request, response, text);
  };
  return { matches: (_pathname, request) => isReturn(request), handle };
}
