import type { Http2Server, Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from "node:http2";
import { constants, createServer } from "node:http2";
import type { HttpHandler } from "./http-exchange.js";

/** How long a server of HTTP/2 waits. */
export interface Http2Limits {
  /** Milliseconds after which a session without streams is closed. */
  readonly idleMs: number;
  /** Milliseconds within which a request body must arrive. */
  readonly bodyMs: number;
}

const maxHeaderListBytes = 64 * 1024;

/** An HTTP/2 server that owns no port: sockets are given to it by its `connection` event. */
export interface SessionServer {
  readonly server: Http2Server;
  /** Tells every client to go away; streams that are open may finish. */
  goAway(): void;
  /** Ends every session now. */
  destroy(): void;
}

/** Makes an HTTP/2 server with bounded streams and headers, which closes sessions that nobody uses. */
export function createHttp2Server(handler: HttpHandler, limits: Http2Limits): SessionServer {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(
    {
      maxHeaderListPairs: 256,
      settings: { maxConcurrentStreams: 128, maxHeaderListSize: maxHeaderListBytes, enablePush: false },
    },
    (request, response) => {
      limitBody(request, limits.bodyMs);
      if (hasFlushHeaders(response)) handler(request, response);
    },
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    closeWhenIdle(session, limits.idleMs);
  });
  // Without a listener a broken session is silent as well; its `close` is all that matters here.
  server.on("sessionError", () => undefined);
  return {
    server,
    goAway: () => {
      for (const session of sessions) session.close();
    },
    destroy: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

/** Always true: the declared type lacks a method that the object has. */
function hasFlushHeaders(
  response: Http2ServerResponse,
): response is Http2ServerResponse & { flushHeaders(): void } {
  return "flushHeaders" in response;
}

/** By a timer of our own: that of a session goes on when it is destroyed, and holds it and its socket until it ends. */
function closeWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let streams = 0;
  const wait = () => setTimeout(() => session.close(), idleMs).unref();
  let timer = wait();
  session.on("stream", (stream) => {
    streams += 1;
    clearTimeout(timer);
    stream.once("close", () => {
      streams -= 1;
      if (streams === 0 && !session.destroyed) timer = wait();
    });
  });
  session.once("close", () => clearTimeout(timer));
}

/** Node bounds the time of a request body over HTTP/1.1 alone. */
function limitBody({ stream }: Http2ServerRequest, bodyMs: number): void {
  if (stream.endAfterHeaders) return;
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), bodyMs);
  const stop = () => clearTimeout(timer);
  stream.once("end", stop);
  stream.once("close", stop);
}
