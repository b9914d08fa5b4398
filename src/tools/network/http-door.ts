import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer, request as httpRequest } from "node:http";
import type { Duplex } from "node:stream";
import type { Gate } from "./gate.js";
import { GateRefusal } from "./gate.js";
import { joinStreams } from "./join-streams.js";

/** As programs spell them, and nothing else: no user information, no address in brackets. */
const authority = /^([\w.-]+)(?::(\d{1,5}))?$/;
const absolute = /^http:\/\/([^/?#]*)([^#]*)$/i;
/** Of one connection each: RFC 9110, 7.6.1. */
const hopHeaders = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * A server of HTTP/1.1 proxy requests, CONNECT and those with an absolute URL, that opens connections through
 * the gate. It listens nowhere: give it connections by its event `connection`.
 */
export function createHttpDoor(gate: Gate): Server {
  const server = createServer((request, response) => {
    forward(request, response, gate).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(...refusal(error)).end(messageOf(error));
    });
  });
  server.on("connect", (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on("error", () => undefined);
    tunnel(request.url ?? "", client, head, gate).catch((error: unknown) => {
      const [status, headers] = refusal(error);
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const reason = status === 403 ? "Forbidden" : "Bad Gateway";
      client.end(`HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n${messageOf(error)}`);
    });
  });
  server.on("clientError", (_error, client) => client.destroy());
  return server;
}

async function tunnel(target: string, client: Duplex, head: Buffer, gate: Gate): Promise<void> {
  const upstream = await openTo(target, undefined, gate);
  client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  if (head.length > 0) upstream.write(head);
  joinStreams(client, upstream);
}

async function forward(request: IncomingMessage, response: ServerResponse, gate: Gate): Promise<void> {
  const [, target, path = ""] = absolute.exec(request.url ?? "") ?? [];
  if (target === undefined) throw new GateRefusal("denied", "this is a proxy: it takes absolute http URLs");
  const upstream = await openTo(target, 80, gate);
  // A connection for each: another request on it would not be checked.
  const headers = { ...withoutHops(request.headers), host: target, connection: "close" };
  const { method = "GET" } = request;
  const options = { createConnection: () => upstream, method, headers, setHost: false };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const onward = httpRequest({ ...options, path: path.startsWith("/") ? path : `/${path}` }, resolve);
  onward.on("error", reject);
  response.on("close", () => upstream.destroy());
  request.on("error", () => upstream.destroy()).pipe(onward);
  const answer = await promise.catch(() => {
    throw new GateRefusal("failed", "the host broke the connection off");
  });
  response.writeHead(answer.statusCode ?? 502, withoutHops(answer.headers));
  answer.on("error", () => response.destroy()).pipe(response);
}

function openTo(target: string, standardPort: number | undefined, gate: Gate) {
  const [, host, port = standardPort] = authority.exec(target) ?? [];
  if (host === undefined || port === undefined)
    throw new GateRefusal("denied", "the target is not a host name and a port");
  return gate.open(host, Number(port));
}

function withoutHops(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? "").toLowerCase().split(/[\s,]+/);
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !hopHeaders.has(name) && !named.includes(name)),
  );
}

function refusal(error: unknown): [number, Record<string, string | number>] {
  const status = error instanceof GateRefusal && error.kind === "denied" ? 403 : 502;
  const length = Buffer.byteLength(messageOf(error));
  return [status, { "content-type": "text/plain", "content-length": length, connection: "close" }];
}

function messageOf(error: unknown): string {
  return `agentry: ${error instanceof GateRefusal ? error.message : "the proxy failed"}\n`;
}
