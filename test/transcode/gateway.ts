import type { Server } from "node:http";
import { createServer } from "node:http";
import type { Http2Server } from "node:http2";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import type { HandlerContext } from "@connectrpc/connect";
import { afterEach, expect } from "vitest";
import type { Dialect } from "../../src/transcode/dialect.js";
import { httpStatus } from "../../src/transcode/http-status.js";
import type { TranscoderOptions } from "../../src/transcode/transcoder.js";
import { createTranscoder } from "../../src/transcode/transcoder.js";
import { LibraryService } from "./library.js";

export const plainDialect: Dialect = {
  fieldNames: "proto",
  printDefaults: false,
  unknownQuery: "refuse",
  unknownFields: "refuse",
  error: (error, requestId) => ({
    status: httpStatus(error.code),
    body: { code: error.code, message: error.rawMessage, request_id: requestId },
  }),
};

export type Implementation = Record<string, (message: never, context: HandlerContext) => unknown>;

export interface Gateway {
  readonly url: string;
  readonly port: number;
  readonly errors: unknown[];
  readonly server: Server | Http2Server;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Sends bytes as they are, and returns all that comes back until the server closes. */
  raw(text: string): Promise<string>;
  close(): Promise<void>;
}

export interface GatewayOptions extends Partial<Omit<TranscoderOptions, "services">> {
  readonly implementation?: Implementation;
  readonly dialect?: Partial<Dialect>;
  readonly http2?: boolean;
}

/** The library service behind a gateway, on a free port. What no binding has is answered with 404. */
export async function openGateway(options: GatewayOptions = {}): Promise<Gateway> {
  const errors: unknown[] = [];
  const transcoder = createTranscoder({
    interceptors: [],
    maxBodyBytes: 1024 * 1024,
    onError: (error) => errors.push(error),
    ...options,
    services: [
      {
        service: LibraryService,
        implementation: options.implementation ?? {},
        dialect: { ...plainDialect, ...options.dialect },
      },
    ],
  });
  const server = options.http2 ? createHttp2Server() : createServer();
  server.on("request", (request, response) => {
    response.setHeader("x-request-id", "r-1");
    if (transcoder.handle(request, response)) return;
    response.statusCode = 404;
    response.end("nobody");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    errors,
    server,
    fetch: (path, init) => fetch(url + path, init),
    raw: (text) => exchange(port, text),
    close: async () => {
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.on("error", (error) => (chunks.length > 0 ? undefined : reject(error)));
  });
}

/** Opens gateways for one test file, and closes each after its test. */
export function gatewayPool(): (options: GatewayOptions) => Promise<Gateway> {
  const opened: Gateway[] = [];
  afterEach(async () => {
    for (const gateway of opened.splice(0)) await gateway.close();
  });
  return async (options) => {
    const gateway = await openGateway(options);
    opened.push(gateway);
    return gateway;
  };
}

/** Answers every Echo with its request. */
export const echo: Implementation = { echo: (message) => message, update: (message) => message };

/** Sends a JSON body. */
export const json = (body: unknown, method = "POST"): RequestInit => ({
  method,
  headers: { "content-type": "application/json" },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

/** What a client reads of a stream of server-sent events. */
export interface SseEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data: string;
}

/** Splits a stream as WHATWG HTML 9.2.6 says, without its unusual line ends. */
export function parseSse(text: string): SseEvent[] {
  return text
    .split("\n\n")
    .filter((block) => block !== "" && !block.startsWith(":"))
    .map((block) => Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2))));
}

/** A request, and the reply that it is to have: with this body, or, where there is none, with a message. */
export interface Case {
  readonly path: string;
  readonly init?: RequestInit;
  /** Default: 200. */
  readonly status?: number;
  readonly body?: unknown;
}

/** Holds the reply to a request against what it is to be. */
export async function checkReply(gateway: Gateway, { path, init, status = 200, body }: Case): Promise<void> {
  const reply = await gateway.fetch(path, init);
  const text = await reply.text();
  expect({ status: reply.status, text }).toMatchObject({ status });
  expect(reply.headers.get("content-type")).toBe("application/json");
  if (body !== undefined) expect(JSON.parse(text)).toEqual(body);
  else expect(JSON.parse(text)).toHaveProperty("message");
}
