import { randomUUID } from "node:crypto";
import type { Transport } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import type { TestServer } from "./test-server.js";
import { openTestServer } from "./test-server.js";

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.close());

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

const protocols: readonly (readonly [name: string, open: (baseUrl: string) => Transport])[] = [
  ["Connect, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect, HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC-Web, HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" })],
];

describe.each(protocols)("the line of a call over %s", (_, open) => {
  const client = ({ url }: TestServer) => createClient(RunService, open(url));

  it("whose caller leaves is cut, and nothing else", async () => {
    const abort = new AbortController();
    const id = newRequestId();
    const headers = { "x-request-id": id };
    const call = client(server).watchRun({ runId: "slow", after: 1000 }, { signal: abort.signal, headers });
    await call[Symbol.asyncIterator]().next();
    abort.abort();
    const line = await lineOf(server, id);
    expect(line).toMatchObject({ level: "debug", cut: true });
  });
});
