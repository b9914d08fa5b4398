import { spawn } from "node:child_process";
import { gzipSync } from "node:zlib";
import type { Transport } from "@connectrpc/connect";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ErrorInfoSchema, ErrorReason } from "../../gen/agentry/v1/error_pb.js";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { rawRequest, sendRaw } from "../support/raw-http.js";
import type { TestServer } from "./test-server.js";
import { openTestServer } from "./test-server.js";

let server: TestServer;
beforeEach(async () => {
  server = await openTestServer();
});
afterEach(() => server.close());

type Protocol = readonly [name: string, open: (baseUrl: string) => Transport];
const protocols: readonly Protocol[] = [
  ["Connect, binary, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  [
    "Connect, JSON, HTTP/1.1",
    (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  ],
  ["Connect, binary, HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web, HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
];

async function failure(promise: Promise<unknown>): Promise<ConnectError> {
  return promise.then(
    () => expect.unreachable("it succeeded"),
    (error: unknown) => ConnectError.from(error),
  );
}

describe.each(protocols)("%s", (name, open) => {
  const client = () => createClient(RunService, open(server.url));

  it("answers a unary call", async () => {
    expect((await client().getRun({ runId: "r1" })).run?.id).toBe("r1");
  });

  it("keeps the order and content of messages that leave together", async () => {
    const seqs: number[] = [];
    for await (const { event } of client().watchRun({ runId: "count", after: 5000 })) {
      seqs.push(event?.seq ?? 0);
      expect(event?.body).toMatchObject({ case: "textDelta", value: { text: `piece ${event?.seq}` } });
    }
    expect(seqs).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
    expect(server.seen.finished).toEqual(["count"]);
  });

  it("tells the reason of a failure", async () => {
    const error = await failure(client().getRun({ runId: "missing" }));
    expect(error.code).toBe(Code.NotFound);
    const [info] = error.findDetails(ErrorInfoSchema);
    expect(info).toMatchObject({ reason: ErrorReason.NOT_FOUND, metadata: { kind: "run", id: "missing" } });
    expect(info?.requestId).toMatch(/^[0-9A-Z]{26}$/);
  });

  it("tells when to come again", async () => {
    const error = await failure(client().getRun({ runId: "later" }));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({ retryAfterMs: 1500, headSeq: 7 });
    expect(error.metadata.get("retry-after")).toBe("2");
  });

  it("withholds the text of a failure it does not understand, and logs it", async () => {
    const error = await failure(client().getRun({ runId: "boom" }));
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toBe("internal error");
    const [info] = error.findDetails(ErrorInfoSchema);
    const line = server.logLines.find((text) => text.includes("the secret of the database"));
    expect(JSON.parse(line ?? "{}")).toMatchObject({ level: "error", request_id: info?.requestId });
  });

  it("ends a stream with the failure in its midst", async () => {
    const seqs: (number | undefined)[] = [];
    const error = await failure(
      (async () => {
        for await (const { event } of client().watchRun({ runId: "fail" })) seqs.push(event?.seq);
      })(),
    );
    expect(seqs).toEqual([1]);
    expect(error.code).toBe(Code.Aborted);
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe(ErrorReason.BUSY);
  });

  it.each(["getRun", "watchRun"] as const)(
    "ends %s at its deadline although it does not listen",
    async (call) => {
      // Without a time limit of the client's own: the header alone asks for it.
      const header = name.startsWith("gRPC") ? "grpc-timeout" : "connect-timeout-ms";
      const headers = { [header]: name.startsWith("gRPC") ? "200m" : "200" };
      const error = await failure(
        (async () => {
          if (call === "getRun") await client().getRun({ runId: "hang" }, { headers });
          else for await (const _ of client().watchRun({ runId: "hang" }, { headers }));
        })(),
      );
      expect(error.code).toBe(Code.DeadlineExceeded);
      expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe(ErrorReason.TIMEOUT);
    },
  );

  it("sends the headers of a stream before its first message", async () => {
    const abort = new AbortController();
    const headers = new Promise<Headers>((resolve, reject) => {
      const call = client().watchRun({ runId: "hang" }, { signal: abort.signal, onHeader: resolve });
      call[Symbol.asyncIterator]().next().catch(reject);
    });
    expect((await headers).get("x-request-id")).toMatch(/^[0-9A-Z]{26}$/);
    abort.abort();
  });

  it("lets a stream return when its reader leaves while the server waits for it", async () => {
    const abort = new AbortController();
    const call = client().watchRun({ runId: "flood" }, { signal: abort.signal });
    const reader = call[Symbol.asyncIterator]();
    await reader.next();
    let last = -1;
    await expect
      .poll(
        () => {
          const still = server.seen.produced === last;
          last = server.seen.produced;
          return still;
        },
        { interval: 200, timeout: 10_000 },
      )
      .toBe(true);
    expect(server.seen.finished).toEqual([]);
    abort.abort();
    await expect.poll(() => server.seen.finished, { timeout: 5000 }).toEqual(["flood"]);
  });

  it("lets a stream return when its reader leaves between two messages", async () => {
    const abort = new AbortController();
    const call = client().watchRun({ runId: "slow", after: 1000 }, { signal: abort.signal });
    const reader = call[Symbol.asyncIterator]();
    await reader.next();
    abort.abort();
    await expect.poll(() => server.seen.finished, { timeout: 5000 }).toEqual(["slow"]);
  });
});

describe("a bad request", () => {
  const path = "/agentry.v1.RunService/GetRun";
  const deep = Buffer.concat(Array.from({ length: 400 }, () => Buffer.from([0x0b])));
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const cases = [
    ["malformed JSON", "application/json", Buffer.from("{"), {}, 400, "invalid_argument"],
    ["no JSON", "application/json", Buffer.alloc(0), {}, 400, "invalid_argument"],
    ["JSON of the wrong type", "application/json", Buffer.from('{"runId":5}'), {}, 400, "invalid_argument"],
    [
      "invalid UTF-8",
      "application/json",
      Buffer.from('{"runId":"\xff"}', "latin1"),
      {},
      400,
      "invalid_argument",
    ],
    ["deep JSON", "application/json", Buffer.from("[".repeat(1e5)), {}, 400, "invalid_argument"],
    [
      "a malformed message",
      "application/proto",
      Buffer.from([0xff, 0xff, 0xff]),
      {},
      400,
      "invalid_argument",
    ],
    ["a cut message", "application/proto", Buffer.from([0x0a, 0x20, 0x61]), {}, 400, "invalid_argument"],
    ["a deep message", "application/proto", deep, {}, 400, "invalid_argument"],
    ["5 MB", "application/proto", Buffer.alloc(5e6), {}, 429, "resource_exhausted"],
    ["a bomb", "application/proto", bomb, { "content-encoding": "gzip" }, 429, "resource_exhausted"],
    [
      "broken gzip",
      "application/proto",
      Buffer.from("x"),
      { "content-encoding": "gzip" },
      400,
      "invalid_argument",
    ],
    [
      "a malformed deadline",
      "application/json",
      Buffer.from("{}"),
      { "connect-timeout-ms": "x" },
      400,
      "invalid_argument",
    ],
  ] as const;

  it.each(cases)("with %s is the caller's fault", async (_, type, body, headers, status, code) => {
    const init = { method: "POST", headers: { "content-type": type, ...headers }, body };
    const reply = await fetch(server.url + path, init);
    const text = await reply.text();
    expect(reply.status, text).toBe(status);
    expect(JSON.parse(text)).toMatchObject({ code, details: [{ type: "agentry.v1.ErrorInfo" }] });
    expect(text).not.toContain("    at ");
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it.each([
    ["GET", "application/json", "/agentry.v1.RunService/CancelRun", 405],
    ["PUT", "application/json", path, 405],
    ["OPTIONS", "application/json", path, 405],
    ["POST", "text/plain", path, 415],
    ["POST", "application/x-www-form-urlencoded", path, 415],
    ["POST", "multipart/form-data; boundary=x", path, 415],
    ["POST", "", path, 415],
  ])("by %s with content type %j at %s is refused in JSON", async (method, type, target, status) => {
    const before = server.seen.calls;
    const reply = await fetch(server.url + target, { method, headers: { "content-type": type } });
    expect(reply.status).toBe(status);
    expect(await reply.json()).toMatchObject({ request_id: reply.headers.get("x-request-id") });
    expect(reply.headers.has("allow")).toBe(status === 405);
    expect(server.seen.calls).toBe(before);
  });

  it.each(['{"runId":sk-SECRET}', '"sk-SECRET"', '{"runId":["sk-SECRET"]}', '{"runId":"sk-SECRET'])(
    "of %s is not quoted",
    async (body) => {
      const headers = { "content-type": "application/json" };
      const reply = await fetch(server.url + path, { method: "POST", headers, body });
      expect(reply.status).toBe(400);
      const { message } = (await reply.json()) as { message: string };
      expect(message).toMatch(/from JSON: |expected string/);
      expect(message).not.toContain("SECRE");
    },
  );

  it("over gRPC and gRPC-Web is the caller's fault too", async () => {
    const envelope = Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]);
    const headers = { "content-type": "application/grpc-web+proto" };
    const reply = await fetch(server.url + path, { method: "POST", headers, body: envelope });
    expect(await reply.text()).toContain(`grpc-status: ${Code.InvalidArgument}`);
  });

  it.each(["application/connect+proto", "application/grpc-web+proto"])(
    "as %s that breaks off unread costs its connection alone",
    async (type) => {
      const head = rawRequest(
        "POST /agentry.v1.RunService/WatchRun HTTP/1.1",
        "Host: localhost",
        `Content-Type: ${type}`,
        "Content-Length: 100",
      );
      const malformed = Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]);
      const reply = await sendRaw(server.port, Buffer.concat([Buffer.from(head), malformed]));
      expect(reply).toMatchObject({ status: 200, closed: true });
      expect((await fetch(`${server.url}/health`)).status).toBe(200);
    },
  );

  it("does not have its announced gigabytes read", async () => {
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
    });
    const headers = { "content-type": "application/proto" };
    const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
    const outcome = await fetch(server.url + path, init).then(
      (reply) => reply.status,
      () => "cut",
    );
    expect([429, "cut"]).toContain(outcome);
  });
});

describe("a server that stops", () => {
  it.each(["getRun", "watchRun"] as const)(
    "ends %s with `unavailable` although it does not listen",
    async (call) => {
      const stop = new AbortController();
      const stopping = await openTestServer({ shutdownSignal: stop.signal });
      const client = createClient(RunService, createGrpcTransport({ baseUrl: stopping.url }));
      const other = createClient(RunService, createGrpcTransport({ baseUrl: stopping.url }));
      const failures = [client, other].map((caller) =>
        failure(
          (async () => {
            if (call === "getRun") await caller.getRun({ runId: "hang" });
            else for await (const _ of caller.watchRun({ runId: "hang" }));
          })(),
        ),
      );
      await expect.poll(() => stopping.seen.calls).toBe(2);
      stop.abort(new ConnectError("the server is stopping", Code.Unavailable));
      const ids = (await Promise.all(failures)).map((error) => {
        expect(error.code).toBe(Code.Unavailable);
        return error.findDetails(ErrorInfoSchema)[0]?.requestId;
      });
      expect(new Set(ids).size).toBe(2);
      await stopping.close();
    },
  );
});

describe("buf curl", () => {
  it.each([
    ["Connect", []],
    ["Connect over HTTP/2", ["--http2-prior-knowledge"]],
    ["gRPC", ["--protocol", "grpc", "--http2-prior-knowledge"]],
    ["gRPC-Web", ["--protocol", "grpcweb"]],
  ])("reads a stream over %s", async (_, flags) => {
    const args = ["buf", "curl", "--schema", "proto", ...flags, "-d", '{"runId":"count","after":3}'];
    const child = spawn("npx", [...args, `${server.url}/agentry.v1.RunService/WatchRun`]);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
      });
    }
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code, output).toBe(0);
    expect(output.match(/piece \d/g)).toEqual(["piece 1", "piece 2", "piece 3"]);
  });
});
