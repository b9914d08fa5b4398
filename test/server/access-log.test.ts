import { randomUUID } from "node:crypto";
import type { Transport } from "@connectrpc/connect";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import type { TestServer } from "./test-server.js";
import { openTestServer, testToken } from "./test-server.js";

let server: TestServer;
let guarded: TestServer;
beforeAll(async () => {
  server = await openTestServer();
  guarded = await openTestServer({ auth: "token" });
});
afterAll(async () => {
  await server.close();
  await guarded.close();
});

const newRequestId = () => randomUUID();

/** The one line of a request, when it is there. */
async function lineOf({ logLines }: TestServer, id: string) {
  const lines = () =>
    logLines
      .map((line) => JSON.parse(line))
      .filter(({ msg, request_id }) => msg === "request" && request_id === id);
  await expect.poll(() => lines().length).toBeGreaterThan(0);
  await new Promise(setImmediate);
  expect(lines()).toHaveLength(1);
  return lines()[0];
}

const withoutCode = (line: object) => expect(line).not.toHaveProperty("code");

type Call = "getRun" | "watchRun";

const protocols: readonly (readonly [name: string, open: (baseUrl: string) => Transport])[] = [
  ["Connect, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect, HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web, HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
];

describe.each(protocols)("the line of a call over %s", (name, open) => {
  const client = ({ url }: TestServer) => createClient(RunService, open(url));
  const settle = async (
    call: Call,
    runId: string,
    { at = server, headers = {} }: { at?: TestServer; headers?: Record<string, string> } = {},
  ) => {
    const id = newRequestId();
    const options = { headers: { ...headers, "x-request-id": id } };
    const failure = await (async () => {
      if (call === "getRun") await client(at).getRun({ runId }, options);
      else for await (const _ of client(at).watchRun({ runId, after: 3 }, options));
    })().catch(ConnectError.from);
    return { line: await lineOf(at, id), code: failure?.code };
  };

  it.each([
    ["getRun", "missing", Code.NotFound, "not_found", "info"],
    ["getRun", "later", Code.ResourceExhausted, "resource_exhausted", "info"],
    ["getRun", "boom", Code.Internal, "internal", "warn"],
    ["watchRun", "fail", Code.Aborted, "aborted", "info"],
  ] as const)("%s of %j has its code", async (call, runId, code, codeName, level) => {
    const { line, code: told } = await settle(call, runId);
    expect(told).toBe(code);
    expect(line).toMatchObject({ level, code: codeName });
    expect(line).not.toHaveProperty("cut");
    expect(JSON.stringify(line)).not.toMatch(/missing|too much|busy|secret/);
  });

  it.each([
    ["getRun", "r1"],
    ["watchRun", "count"],
  ] as const)("%s that succeeds has none", async (call, runId) => {
    const { line } = await settle(call, runId);
    expect(line).toMatchObject({ level: "debug", status: 200 });
    withoutCode(line);
  });

  it.each(["getRun", "watchRun"] as const)("%s at its deadline has its code", async (call) => {
    const headers = name.startsWith("gRPC") ? { "grpc-timeout": "100m" } : { "connect-timeout-ms": "100" };
    const { line } = await settle(call, "hang", { headers });
    expect(line).toMatchObject({ level: "warn", code: "deadline_exceeded" });
  });

  it("that nobody may make has its code where the status does not tell", async () => {
    const { line, code } = await settle("watchRun", "count", { at: guarded });
    expect(code).toBe(Code.Unauthenticated);
    expect(line).toMatchObject({ level: "info", status: 200, code: "unauthenticated" });
    const headers = { authorization: `Bearer ${testToken}` };
    expect((await settle("watchRun", "count", { at: guarded, headers })).line).toMatchObject({
      level: "debug",
    });
  });

  it("whose caller leaves is cut, and nothing else", async () => {
    const abort = new AbortController();
    const id = newRequestId();
    const headers = { "x-request-id": id };
    const call = client(server).watchRun({ runId: "slow", after: 1000 }, { signal: abort.signal, headers });
    await call[Symbol.asyncIterator]().next();
    abort.abort();
    const line = await lineOf(server, id);
    expect(line).toMatchObject({ level: "debug", cut: true });
    withoutCode(line);
  });

  it("that the server's stop ends has its code", async () => {
    const stop = new AbortController();
    const stopping = await openTestServer({ shutdownSignal: stop.signal });
    const settled = settle("watchRun", "hang", { at: stopping });
    await expect.poll(() => stopping.seen.calls).toBe(1);
    stop.abort(new ConnectError("the server is stopping", Code.Unavailable));
    expect((await settled).line).toMatchObject({ level: "warn", code: "unavailable" });
    await stopping.close();
  });
});

describe("the line of a call that never comes to be", () => {
  const post = async (path: string, type: string, body: Uint8Array) => {
    const id = newRequestId();
    const headers = { "content-type": type, "x-request-id": id };
    await (
      await fetch(server.url + path, { method: "POST", headers, body: Buffer.from(body) })
    ).arrayBuffer();
    return lineOf(server, id);
  };
  const malformed = Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]);

  it.each(["application/grpc-web+proto", "application/connect+proto"])(
    "for want of a message that can be read, as %s",
    async (type) => {
      const line = await post("/agentry.v1.RunService/WatchRun", type, malformed);
      expect(line).toMatchObject({ level: "info", status: 200, code: "invalid_argument" });
    },
  );

  it("for want of a method is that of a path that is not there", async () => {
    const line = await post("/agentry.v1.RunService/Nothing", "application/grpc-web+proto", malformed);
    expect(line).toMatchObject({ level: "info", status: 200, code: "unimplemented" });
  });
});

describe("the line of a REST stream", () => {
  const watch = async (runId: string) => {
    const id = newRequestId();
    const reply = await fetch(`${server.url}/v1/runs/${runId}/events?after=3`, {
      headers: { "x-request-id": id },
    });
    return { text: await reply.text(), line: await lineOf(server, id) };
  };

  it("that ends with an error event has its code", async () => {
    const { text, line } = await watch("fail");
    expect(text).toContain("event: error\n");
    expect(line).toMatchObject({ level: "info", status: 200, code: "aborted" });
  });

  it("that ends well has none", async () => {
    const { line } = await watch("count");
    expect(line).toMatchObject({ level: "debug", status: 200 });
    withoutCode(line);
  });
});
