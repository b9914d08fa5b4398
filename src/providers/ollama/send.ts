import type { Connection } from "../connection.js";

/** Sends JSON to a path of Ollama's API, such as `/api/chat`. Resolves with a success, rejects with a Fault. */
export function post(
  connection: Connection,
  request: { readonly path: string; readonly body: unknown },
  signal: AbortSignal,
): Promise<Response> {
  return connection.guard.fetch(rootOf(connection) + request.path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request.body),
    signal,
  });
}

/** Asks for a path of Ollama's API. Settles as `post`. */
export function get(connection: Connection, path: string, signal: AbortSignal): Promise<Response> {
  return connection.guard.fetch(rootOf(connection) + path, { signal });
}

/** Addresses of its OpenAI form (`…/v1`) and of its API (`…/api`) mean the same server. */
function rootOf({ baseUrl }: Connection): string {
  return baseUrl.replace(/\/(?:v1|api)$/, "");
}
