import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it } from "vitest";
import { RunService, WatchRunRequestSchema } from "../../gen/agentry/v1/run_pb.js";
import { Fault } from "../../src/core/fault.js";
import { openListener } from "../../src/server/listener.js";
import { rawRequest, sendRaw } from "../support/raw-http.js";
import type { TestServer, TestServerOptions } from "./test-server.js";
import { openTestServer } from "./test-server.js";

const opened: { close(graceMs: number): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close(0);
});

async function open(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await openTestServer(options);
  opened.push(server);
  return server;
}

const get = rawRequest("GET /health HTTP/1.1", "Host: localhost", "Connection: close");

describe("a connection that waits to be ready", () => {
  const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 50));

  it("is answered, also where its end comes with the request", async () => {
    const { port } = await open({ ready: slow });
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.end(get);
    await once(socket, "close");
    expect(text).toContain("HTTP/1.1 200");
  });

  it("loses nothing of what comes meanwhile", async () => {
    const { port } = await open({ ready: slow });
    const head = rawRequest(
      "POST /v1/echo HTTP/1.1",
      "Host: localhost",
      "Content-Length: 2",
      "Connection: close",
    );
    const socket = connect(port, "127.0.0.1").setNoDelay(true);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.write(head.slice(0, 10));
    for (const piece of [head.slice(10), "o", "k"]) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      socket.write(piece);
    }
    await once(socket, "close");
    expect(text).toContain('"text":"ok"');
  });

  it("is answered over HTTP/2", async () => {
    const { url } = await open({ ready: slow });
    const session = connectHttp2(url);
    const stream = session.request({ ":path": "/health" });
    const [headers] = await once(stream, "response");
    expect(headers[":status"]).toBe(200);
    session.destroy();
  });

  it("may break off, which the others do not notice", async () => {
    const { port } = await open({ ready: slow });
    for (let i = 0; i < 20; i += 1) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => undefined);
      await once(socket, "connect");
      socket.write(get);
      await new Promise((resolve) => setTimeout(resolve, 3));
      if (i % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    expect((await sendRaw(port, get)).status).toBe(200);
  });

  it("does not hold up a server that closes", async () => {
    const asked = Promise.withResolvers<void>();
    const server = await open({
      ready: () => {
        asked.resolve();
        return new Promise(() => undefined);
      },
    });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(get);
    await asked.promise;
    await Promise.all([server.close(0), once(socket, "close")]);
  });
});

describe("one port", () => {
  it("serves a request that arrives byte by byte", async () => {
    const { port } = await open();
    for (const method of ["POST", "PUT", "PATCH"]) {
      const socket = connect(port, "127.0.0.1").setNoDelay(true);
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      const lines = [
        `${method} /v1/echo HTTP/1.1`,
        "Host: localhost",
        "Content-Length: 2",
        "Connection: close",
      ];
      for (const byte of `${rawRequest(...lines)}ok`) {
        socket.write(byte);
        await new Promise(setImmediate);
      }
      await once(socket, "close");
      expect(text).toContain('"text":"ok"');
    }
  });

  it("serves pipelined requests", async () => {
    const { port } = await open();
    const one = rawRequest("GET /health HTTP/1.1", "Host: localhost");
    const reply = await sendRaw(port, one + one + get);
    expect((reply.head + reply.body).match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });

  it("answers an offer to upgrade to HTTP/2 over HTTP/1.1, with the body", async () => {
    const { port } = await open();
    const lines = ["POST /v1/echo HTTP/1.1", "Host: localhost", "Connection: Upgrade, HTTP2-Settings"];
    const offer = ["Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "Content-Length: 5"];
    const reply = await sendRaw(port, `${rawRequest(...lines, ...offer)}hello`, 300);
    expect(reply.status).toBe(200);
    expect(reply.body).toContain('"text":"hello"');
  });

  it("serves HTTP/2 and HTTP/1.1 at the same time", async () => {
    const { url } = await open();
    const session = connectHttp2(url);
    const stream = session.request({ ":path": "/health" });
    const [headers] = await once(stream, "response");
    expect(headers[":status"]).toBe(200);
    expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 128, maxHeaderListSize: 65536 });
    expect((await fetch(`${url}/health`)).status).toBe(200);
    session.destroy();
  });

  it.each([
    ["a TLS greeting", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
    [
      "length and chunks",
      `${rawRequest("POST /v1/echo HTTP/1.1", "Host: localhost", "Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`,
    ],
    [
      "chunks that are not last",
      rawRequest("POST /v1/echo HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked, identity"),
    ],
    [
      "two lengths",
      rawRequest("POST /v1/echo HTTP/1.1", "Host: localhost", "Content-Length: 5", "Content-Length: 6"),
    ],
    ["bare line feeds", "GET /health HTTP/1.1\nHost: localhost\n\n"],
    ["a space before the colon", rawRequest("GET /health HTTP/1.1", "Host : localhost")],
    ["a carriage return in a value", "GET /health HTTP/1.1\r\nHost: localhost\r\n\rX: y\r\n\r\n"],
    ["a null byte", rawRequest("GET /health HTTP/1.1", "Host: localhost", "X: a\0b")],
  ])("answers 400 to %s and closes", async (_, bytes) => {
    const server = await open();
    const reply = await sendRaw(server.port, bytes);
    expect(reply).toMatchObject({ status: 400, closed: true });
    expect(JSON.parse(reply.body)).toMatchObject({ code: "invalid_argument", reason: "invalid" });
    expect(server.seen.calls).toBe(0);
    expect((await sendRaw(server.port, get)).status).toBe(200);
  });

  it("answers 431 to headers without end", async () => {
    const { port } = await open();
    const reply = await sendRaw(
      port,
      rawRequest("GET /health HTTP/1.1", "Host: localhost", `X: ${"x".repeat(70_000)}`),
    );
    expect(reply.status).toBe(431);
  });

  it("survives garbage after the preface of HTTP/2", async () => {
    const { port } = await open();
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const garbage = Buffer.alloc(4096, 0xee);
    expect((await sendRaw(port, Buffer.concat([preface, garbage]))).closed).toBe(true);
    expect((await sendRaw(port, get)).status).toBe(200);
  });
});

describe("a slow caller", () => {
  const limits = { headersMs: 300, requestMs: 600, keepAliveMs: 300, idleSessionMs: 300 };
  it.each([
    ["that says nothing", "", 0],
    ["that stops in the preface", "PRI * HT", 0],
    ["that stops in the headers", "GET /health HTTP/1.1\r\nHost: lo", 408],
    [
      "that stops in the body",
      `${rawRequest("POST /v1/echo HTTP/1.1", "Host: localhost", "Content-Length: 9")}a`,
      408,
    ],
  ])("%s is cut off", async (_, bytes, status) => {
    const { port } = await open(limits);
    const reply = await sendRaw(port, bytes, 10_000);
    expect(reply).toMatchObject({ status, closed: true });
  });

  it("that idles between requests is cut off", async () => {
    const { port } = await open(limits);
    const reply = await sendRaw(port, rawRequest("GET /health HTTP/1.1", "Host: localhost"), 10_000);
    expect(reply).toMatchObject({ status: 200, closed: true });
  });

  it("that keeps an HTTP/2 session without streams is told to go", async () => {
    const { url } = await open(limits);
    const session = connectHttp2(url);
    await once(session, "close");
  });

  it("that stops in the body of an HTTP/2 stream is cut off", async () => {
    const { url } = await open(limits);
    const session = connectHttp2(url);
    const stream = session.request({ ":method": "POST", ":path": "/v1/echo" });
    stream.write("a");
    stream.on("error", () => undefined);
    await once(stream, "close");
    expect(stream.rstCode).toBe(8);
    session.destroy();
  });
});

describe("a handler that throws", () => {
  it.each(["1.1", "2"] as const)("answers 400 over HTTP/%s", async (version) => {
    const handler = () => {
      throw new Error("unexpected");
    };
    const server = await openListener({ host: "127.0.0.1", port: 0, handler });
    opened.push(server);
    if (version === "1.1") {
      expect((await fetch(server.url)).status).toBe(400);
      return;
    }
    const session = connectHttp2(server.url);
    const [headers] = await once(session.request({ ":path": "/" }), "response");
    expect(headers[":status"]).toBe(400);
    session.destroy();
  });
});

const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

it.skipIf(!hasIPv6).each(["::1", "[::1]"])("listens on %s", async (host) => {
  const { url, port } = await open({ host });
  expect(url).toBe(`http://[::1]:${port}`);
  expect((await fetch(`${url}/health`)).status).toBe(200);
});

describe("a port that cannot be bound", () => {
  it("names host and port", async () => {
    const { port } = await open();
    const error = await openTestServer({ port }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Fault);
    expect(String(error)).toContain(`127.0.0.1:${port} is in use`);
  });
});

describe("close", () => {
  it("is immediate when connections idle", async () => {
    const { url, port, close } = await open();
    const session = connectHttp2(url);
    await once(session, "connect");
    await fetch(`${url}/health`);
    const silent = connect(port, "127.0.0.1");
    await once(silent, "connect");
    await close(60_000);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    if (!session.destroyed) await once(session, "close");
    silent.destroy();
  });

  it.each([
    [
      "Connect over HTTP/1.1",
      (baseUrl: string) =>
        createConnectTransport({
          baseUrl,
          httpVersion: "1.1",
          nodeOptions: { agent: new Agent({ keepAlive: true }) },
        }),
    ],
    ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
  ] as const)("lets a stream over %s finish", async (_, transport) => {
    const { url, close } = await open();
    const client = createClient(RunService, transport(url));
    const seqs: number[] = [];
    let closed: Promise<void> | undefined;
    for await (const { event } of client.watchRun({ runId: "slow", after: 5 })) {
      seqs.push(event?.seq ?? 0);
      closed ??= close(60_000);
    }
    await closed;
    expect(seqs).toEqual([1, 2, 3, 4, 5]);
  });

  it("ends what is left after the grace", async () => {
    const { url, close, seen } = await open();
    const client = createClient(RunService, createGrpcTransport({ baseUrl: url }));
    const h1 = createClient(RunService, createConnectTransport({ baseUrl: url, httpVersion: "1.1" }));
    const ends = [client, h1].map(async (caller) => {
      for await (const _ of caller.watchRun({ runId: "slow", after: 10_000 }));
    });
    const settled = Promise.allSettled(ends);
    await expect.poll(() => seen.calls).toBe(2);
    await close(100);
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect.poll(() => seen.finished).toEqual(["slow", "slow"]);
  });

  it("ends a WebSocket after the grace", async () => {
    const upgrade = (_request: unknown, socket: { write(text: string): unknown }) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    };
    const server = await openListener({ host: "127.0.0.1", port: 0, handler: () => undefined, upgrade });
    const request = httpRequest(server.url, {
      headers: { connection: "Upgrade", upgrade: "websocket" },
    }).end();
    const [, socket] = await once(request, "upgrade");
    await server.close(50);
    if (!socket.destroyed) await once(socket, "close");
  });
});

it("tells a service that its HTTP/2 caller has closed the connection without a word", async () => {
  const { url, port, seen } = await open();
  const socket = connect(port, "127.0.0.1");
  const session = connectHttp2(url, { createConnection: () => socket });
  const headers = {
    ":method": "POST",
    ":path": "/agentry.v1.RunService/WatchRun",
    "content-type": "application/grpc",
  };
  const stream = session.request(headers);
  stream.on("error", () => undefined);
  session.on("error", () => undefined);
  const message = toBinary(
    WatchRunRequestSchema,
    create(WatchRunRequestSchema, { runId: "slow", after: 10_000 }),
  );
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  await once(stream, "data");
  socket.end();
  await expect.poll(() => seen.finished, { timeout: 5000 }).toEqual(["slow"]);
  socket.destroy();
});
