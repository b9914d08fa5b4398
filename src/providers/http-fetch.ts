import * as http from "node:http";
import * as https from "node:https";
import { ReadTurns } from "./read-turns.js";

/** Bytes that may wait for a slow reader before the socket is paused. */
const highWaterMark = 256 * 1024;

/**
 * A `fetch` over node:http, with its own pool of connections: a third less time to the first byte than the
 * global one. It takes text bodies, follows no redirect, decompresses nothing and reads no proxy settings.
 * Its errors are those of node:http.
 */
export function createHttpFetch(): { readonly fetch: typeof fetch; close(): void } {
  // `timeout` closes idle connections before most servers do, so that a request seldom meets a closed one.
  const pool = { keepAlive: true, noDelay: true, timeout: 30_000 };
  const turns = new ReadTurns();
  const plain = { request: http.request, agent: new http.Agent(pool), turns };
  const secure = { request: https.request, agent: new https.Agent(pool), turns };
  return {
    fetch: (input, init = {}) => {
      const url = new URL(input instanceof Request ? input.url : input);
      return send(url.protocol === "https:" ? secure : plain, url, init);
    },
    close() {
      plain.agent.destroy();
      secure.agent.destroy();
    },
  };
}

/** How requests of one scheme are sent, and their answers read. */
interface Way {
  readonly request: typeof http.request;
  readonly agent: http.Agent;
  readonly turns: ReadTurns;
}

function send({ request, agent, turns }: Way, url: URL, init: RequestInit): Promise<Response> {
  const { body, signal } = init;
  if (body !== null && body !== undefined && typeof body !== "string") {
    return Promise.reject(new TypeError("only text bodies can be sent"));
  }
  const headers = plainHeaders(init.headers);
  // Encoded once: node:http would measure a text, and encode it into three times the room.
  const bytes = body ? Buffer.from(body) : undefined;
  if (bytes) headers["content-length"] = String(bytes.length);
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      agent,
      method: init.method ?? "GET",
      headers,
      ...(signal ? { signal } : {}),
    });
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      try {
        resolve(toResponse(incoming, turns));
      } catch (error) {
        incoming.destroy();
        reject(error);
      }
    });
    outgoing.end(bytes);
  });
}

function plainHeaders(headers: RequestInit["headers"]): http.OutgoingHttpHeaders {
  const isRecord = headers && !(headers instanceof Headers) && !Array.isArray(headers);
  return isRecord ? { ...headers } : Object.fromEntries(new Headers(headers));
}

function toResponse(incoming: http.IncomingMessage, turns: ReadTurns): Response {
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i] ?? "", incoming.rawHeaders[i + 1] ?? "");
  }
  const status = incoming.statusCode ?? 0;
  if (status === 204 || status === 205 || status === 304) {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  return new Response(toStream(incoming, turns), { status, headers });
}

function toStream(incoming: http.IncomingMessage, turns: ReadTurns): ReadableStream<Uint8Array> {
  let open = true;
  let waiting = false;
  const read = (): void => {
    waiting = false;
    // All that has come at once. There may be nothing yet.
    if (open && incoming.read() === null) incoming.resume();
  };
  const source = {
    start(controller: ReadableStreamDefaultController<Uint8Array>) {
      incoming.on("data", (chunk: Buffer) => {
        if (!open) return;
        controller.enqueue(chunk);
        if (turns.arrived(incoming)) {
          waiting = true;
          incoming.pause();
          turns.wait(read);
        } else if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.on("end", () => {
        if (open) controller.close();
        open = false;
      });
      const fail = (error: Error) => {
        if (open) controller.error(error);
        open = false;
      };
      incoming.on("error", fail);
      incoming.on("close", () => fail(new Error("the connection was closed")));
    },
    pull() {
      if (!waiting) incoming.resume();
    },
    cancel() {
      open = false;
      incoming.destroy();
    },
  };
  return new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark }));
}
