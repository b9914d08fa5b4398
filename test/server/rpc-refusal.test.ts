import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { Transport } from "@connectrpc/connect";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { rpcRefusal } from "../../src/server/rpc-refusal.js";
import type { TestServer } from "./test-server.js";
import { openTestServer } from "./test-server.js";

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer({ auth: "token" });
});
afterAll(() => server.close());

const h1 = "1.1" as const;
const h2 = "2" as const;
const transports: [string, (baseUrl: string) => Transport][] = [
  ["Connect, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: h1 })],
  ["Connect, HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: h2 })],
  [
    "Connect, binary",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: h1, useBinaryFormat: true }),
  ],
  [
    "Connect, GET",
    (baseUrl) =>
      createConnectTransport({ baseUrl, httpVersion: h1, useHttpGet: true, useBinaryFormat: true }),
  ],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: h1 })],
  ["gRPC-Web, HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: h2 })],
];

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function errorOf(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(await call.catch((error: unknown) => error));
}

describe.each(transports)("a refusal over %s", (_, transport) => {
  it("of a caller without a token is read by a unary call", async () => {
    const error = await errorOf(createClient(RunService, transport(server.url)).getRun({ runId: "a" }));
    expect([error.code, error.rawMessage]).toEqual([
      Code.Unauthenticated,
      "send the header `Authorization: Bearer <token>`",
    ]);
  });

  it("of a caller without a token is read by a stream", async () => {
    const stream = createClient(RunService, transport(server.url)).watchRun({ runId: "a" });
    const error = await errorOf(readAll(stream));
    expect([error.code, error.rawMessage]).toEqual([
      Code.Unauthenticated,
      "send the header `Authorization: Bearer <token>`",
    ]);
  });

  it("of a foreign page is read", async () => {
    const headers = { origin: "http://evil.example" };
    const stream = createClient(RunService, transport(server.url)).watchRun({ runId: "a" }, { headers });
    const error = await errorOf(readAll(stream));
    expect([error.code, error.rawMessage]).toEqual([
      Code.PermissionDenied,
      "requests of foreign web pages are refused",
    ]);
  });
});

describe("over gRPC", () => {
  async function post(url: string, path: string) {
    const session = connectHttp2(url);
    try {
      const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc+proto" };
      const stream = session.request(headers);
      stream.end(Buffer.alloc(5));
      const [reply, flags] = await once(stream, "response");
      return { reply, flags: Number(flags) };
    } finally {
      session.destroy();
    }
  }

  it("the refusal is the one and last frame, and has the headers of every reply", async () => {
    const { reply, flags } = await post(server.url, "/agentry.v1.RunService/GetRun");
    expect(reply).toMatchObject({
      ":status": 200,
      "content-type": "application/grpc+proto",
      "grpc-status": "16",
      "www-authenticate": "Bearer",
      "x-content-type-options": "nosniff",
      "x-request-id": expect.stringMatching(/^\w{26}$/),
    });
    const endStream = 1;
    expect(flags & endStream).toBe(endStream);
  });

  it("the refusal of a call over HTTP/1.1 is in the headers too", async () => {
    const headers = { "content-type": "application/grpc" };
    const url = `${server.url}/agentry.v1.RunService/GetRun`;
    const reply = await fetch(url, { method: "POST", headers, body: "x" });
    expect([reply.status, reply.headers.get("grpc-status"), await reply.text()]).toEqual([200, "16", ""]);
  });

  it("the refusal ends in the access log", async () => {
    const { reply } = await post(server.url, "/agentry.v1.RunService/GetRun");
    const id = String(reply["x-request-id"]);
    await expect
      .poll(() => server.logLines.map((line) => JSON.parse(line)))
      .toContainEqual(expect.objectContaining({ status: 200, request_id: id }));
  });

  it("a method that is not there is unimplemented", async () => {
    const open = await openTestServer();
    const { reply } = await post(open.url, "/agentry.v1.RunService/Nothing");
    expect(reply).toMatchObject({ ":status": 200, "grpc-status": String(Code.Unimplemented) });
    await open.close();
  });

  it("a message is percent-encoded", () => {
    const { headers } =
      rpcRefusal("application/grpc", { code: Code.Internal, message: "50 % ü\n😀\ud800" }) ?? {};
    expect(headers?.["grpc-message"]).toBe("50 %25 %C3%BC%0A%F0%9F%98%80%EF%BF%BD");
  });
});

it.each([
  "application/json",
  "application/proto",
  "application/grpc+x",
  "application/grpcx",
  "text/plain",
  "",
])("callers that send %j read JSON", (contentType) => {
  expect(rpcRefusal(contentType, { code: Code.Internal, message: "no" })).toBeUndefined();
});
