import type { HttpHandler, Mount } from "./http-exchange.js";
import { replyJson, replyRefusal } from "./reply.js";

/**
 * `/health`: 200 while the process answers. `/ready`: 200 while it takes new work, 503 from the moment it
 * drains. Both answer GET and HEAD, to everybody.
 */
export function createHealth(isDraining: () => boolean): Mount {
  const handle: HttpHandler = (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      const message = "this path answers GET and HEAD";
      return replyRefusal(request, response, {
        status: 405,
        reason: "unsupported",
        message,
        headers: { allow: "GET, HEAD" },
      });
    }
    const draining = request.url?.startsWith("/ready") === true && isDraining();
    replyJson(request, response, {
      status: draining ? 503 : 200,
      body: { status: draining ? "draining" : "ok" },
    });
  };
  return { matches: (pathname) => pathname === "/health" || pathname === "/ready", handle };
}
