import type { IncomingMessage, RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { errorCode } from "../core/error-code.js";
import { Fault } from "../core/fault.js";
import type { HttpHandler, HttpRequest, HttpResponse } from "./http-exchange.js";
import { createHttp2Server } from "./http2-server.js";
import { answerParserErrors } from "./parser-refusal.js";
import { sniffProtocol } from "./sniff-protocol.js";

/** Connections that may wait to be accepted, which Node.js does one at a time: of more, some would try again after seconds. */
const backlog = 4096;

/** Takes over the socket of a WebSocket request. */
type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** How a listener is set up. */
export interface ListenerOptions {
  /** Host name or address to bind, for example `127.0.0.1`; one of IPv6 with or without brackets. */
  readonly host: string;
  /** Port to bind; 0 for any that is free. */
  readonly port: number;
  /**
   * Answers requests, also those without a host name. It calls `response.writeContinue()` itself where a request with
   * `Expect: 100-continue` may send its body.
   */
  readonly handler: HttpHandler;
  /** Told of each connection that comes. */
  readonly onConnection?: (socket: Socket) => void;
  /** Asked of a connection before its first request is served; what it returns is waited for. */
  readonly ready?: (socket: Socket) => Promise<void> | undefined;
  /** Takes WebSocket requests; without it they are served as plain requests. */
  readonly upgrade?: UpgradeHandler;
  /** Milliseconds within which the headers of a request must arrive. Default 10 000. */
  readonly headersMs?: number;
  /** Milliseconds within which a whole request must arrive. Default 30 000. */
  readonly requestMs?: number;
  /** Milliseconds that an HTTP/1.1 connection may idle between requests. Default 60 000. */
  readonly keepAliveMs?: number;
  /** Milliseconds that an HTTP/2 session may idle without streams. Default 300 000. */
  readonly idleSessionMs?: number;
}

/** An open port that speaks HTTP/1.1 and cleartext HTTP/2. */
export interface Listener {
  /** For example `http://127.0.0.1:2323`. */
  readonly url: string;
  readonly port: number;
  /** The address that is bound. */
  readonly address: string;
  /**
   * Stops accepting, lets requests under way finish, and after `graceMs` ends what is left. Resolves when the
   * last connection is gone. A second call may shorten the grace.
   */
  close(graceMs: number): Promise<void>;
}

/** Opens a port. Throws a Fault that names host and port when it cannot be bound. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { host, port, headersMs = 10_000, requestMs = 30_000 } = options;
  let closing = false;
  const serve = (request: HttpRequest, response: HttpResponse) => {
    if (closing && "shouldKeepAlive" in response) response.shouldKeepAlive = false;
    answerSafely(options.handler, request, response);
  };
  const h2 = createHttp2Server(serve, { idleMs: options.idleSessionMs ?? 300_000, bodyMs: requestMs });
  h2.server.on("checkContinue", serve);
  const h1 = createHttp1Server(options, serve);
  const sniffed = new Set<Socket>();
  const upgraded = new Set<Duplex>();
  divertConnections(h1, (socket, asHttp1) => {
    options.onConnection?.(socket);
    sniffed.add(socket);
    socket.once("close", () => sniffed.delete(socket));
    sniffProtocol(socket, {
      timeoutMs: headersMs,
      ready: () => options.ready?.(socket),
      found: (protocol) => {
        sniffed.delete(socket);
        if (protocol === "h1") return asHttp1();
        // Sockets of an http.Server may stay half open, and an HTTP/2 session on such a one never
        // notices that its client has left.
        socket.allowHalfOpen = false;
        h2.server.emit("connection", socket);
      },
    });
  });
  const { upgrade } = options;
  if (upgrade) {
    h1.on("upgrade", (request, socket, head) => {
      upgraded.add(socket);
      socket.once("close", () => upgraded.delete(socket));
      upgrade(request, socket, head);
    });
  }
  const address = await listen(h1, host, port);
  const closed = new Promise<void>((resolve) => h1.once("close", () => resolve()));
  return {
    url: `http://${urlHost(host)}:${address.port}`,
    port: address.port,
    address: address.address,
    close: async (graceMs) => {
      closing = true;
      h1.close();
      for (const socket of sniffed) socket.destroy();
      h2.goAway();
      // A response that has promised keep-alive becomes idle only when it ends.
      const idle = setInterval(() => h1.closeIdleConnections(), 50);
      const grace = setTimeout(() => {
        h1.closeAllConnections();
        h2.destroy();
        // Upgraded sockets are on no list of the server, and it waits for them.
        for (const socket of upgraded) socket.destroy();
      }, graceMs);
      await closed;
      clearInterval(idle);
      clearTimeout(grace);
    },
  };
}

function createHttp1Server(options: ListenerOptions, serve: RequestListener): Server {
  const { headersMs = 10_000, requestMs = 30_000, keepAliveMs = 60_000, upgrade } = options;
  const server = createServer(
    {
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: Math.min(1000, headersMs),
      requireHostHeader: false,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      // An offer of HTTP/2 in an Upgrade header is declined by answering over HTTP/1.1.
      shouldUpgradeCallback: (request) =>
        upgrade !== undefined && request.headers.upgrade?.toLowerCase() === "websocket",
    },
    serve,
  );
  server.on("checkContinue", serve);
  answerParserErrors(server);
  return server;
}

/** Puts a step before the server's own handling of new connections, which `proceed` then does. */
function divertConnections(server: Server, divert: (socket: Socket, proceed: () => void) => void): void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    divert(socket, () => {
      for (const listener of listeners) listener.call(server, socket);
    });
  });
}

/** A handler that throws must not end the process: what reaches it was made by a stranger. */
function answerSafely(handler: HttpHandler, request: HttpRequest, response: HttpResponse): void {
  try {
    handler(request, response);
  } catch {
    refuseSafely(request, response);
  }
}

function refuseSafely(request: HttpRequest, response: HttpResponse): void {
  try {
    if (response.headersSent) throw new Error("it is too late for a status");
    response.writeHead(400, { "content-length": "0" });
    response.end();
  } catch {
    request.destroy();
  }
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(cannotListen(host, port, error));
    server.once("error", onError);
    server.listen({ host: host.replace(/^\[(.*)\]$/, "$1"), port, backlog }, () => {
      server.off("error", onError);
      const address = server.address();
      if (address === null || typeof address === "string") reject(cannotListen(host, port));
      else resolve(address);
    });
  });
}

function cannotListen(host: string, port: number, cause?: unknown): Fault {
  const code = errorCode(cause) || "unknown error";
  const place = `${urlHost(host)}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return new Fault("unavailable", `${place} is in use by another program`, {}, cause);
    case "EACCES":
      return new Fault("forbidden", `not allowed to listen on ${place}`, {}, cause);
    default:
      return new Fault("invalid", `cannot listen on ${place} (${code})`, {}, cause);
  }
}

function urlHost(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}
