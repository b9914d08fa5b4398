import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawRequest, sendRaw } from "../support/raw-http.js";
import type { TestServer } from "./test-server.js";
import { openTestServer } from "./test-server.js";

let server: TestServer;
let draining = false;
beforeAll(async () => {
  server = await openTestServer({ draining: () => draining });
});
afterAll(() => server.close());

const rpc = "/agentry.v1.RunService/GetRun";
const json = { "content-type": "application/json" };

describe("every reply", () => {
  it.each([
    ["/health", 200],
    ["/v1/echo", 200],
    ["/nothing", 404],
    [rpc, 415],
  ])("carries the safe headers at %s", async (path, status) => {
    const { headers, status: got } = await fetch(server.url + path);
    expect(got).toBe(status);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("x-request-id")).toMatch(/^[0-9A-Z]{26}$/);
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  it.each(["a", "A.b_c-9", "x".repeat(128)])("keeps the caller's id %s", async (id) => {
    const reply = await fetch(`${server.url}/nothing`, { headers: { "x-request-id": id } });
    expect(reply.headers.get("x-request-id")).toBe(id);
    expect(await reply.json()).toMatchObject({ request_id: id });
  });

  it.each(["", "a b", "x".repeat(129), "é", "a\tb", "{}", 'a"b', "a,b"])(
    "replaces the caller's id %j",
    async (id) => {
      const lines = ["GET /nothing HTTP/1.1", "Host: localhost", `X-Request-Id: ${id}`, "Connection: close"];
      const reply = await sendRaw(server.port, rawRequest(...lines));
      expect(reply.head).toMatch(/^x-request-id: [0-9A-Z]{26}$/im);
    },
  );
});

describe("health", () => {
  it("tells when the server drains", async () => {
    expect(await (await fetch(`${server.url}/ready`)).json()).toEqual({ status: "ok" });
    draining = true;
    const ready = await fetch(`${server.url}/ready?x=1`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: "draining" }]);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    draining = false;
  });

  it("answers HEAD without a body and other methods with 405", async () => {
    const head = await fetch(`${server.url}/health`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const post = await fetch(`${server.url}/health`, { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});

it("names the path that is not there", async () => {
  const reply = await fetch(`${server.url}/v2/agents?secret=1`, { method: "POST", body: "x" });
  expect(reply.status).toBe(404);
  expect(await reply.json()).toEqual({
    code: "not_found",
    message: 'there is nothing at "/v2/agents"',
    reason: "not_found",
    request_id: reply.headers.get("x-request-id"),
  });
});

it("serves a target in absolute form", async () => {
  const lines = ["GET http://localhost/v1/echo?a=1 HTTP/1.1", "Host: localhost", "Connection: close"];
  const reply = await sendRaw(server.port, rawRequest(...lines));
  expect(JSON.parse(reply.body)).toMatchObject({ path: "/v1/echo?a=1" });
});

describe("a body that asks for leave to come", () => {
  const limit = 4 * 1024 * 1024;
  const ask = (path: string, length: number, type: string) =>
    rawRequest(
      `POST ${path} HTTP/1.1`,
      "Host: localhost",
      "Expect: 100-continue",
      `Content-Type: ${type}`,
      `Content-Length: ${length}`,
    );

  it.each(["/v1/echo", rpc])("is refused at once at %s where it is too large", async (path) => {
    const before = server.seen.calls;
    const reply = await sendRaw(server.port, ask(path, limit + 1, "application/json"));
    expect(reply).toMatchObject({ status: 413, closed: true });
    expect(JSON.parse(reply.body)).toMatchObject({
      code: "resource_exhausted",
      message: `the request body is larger than ${limit} bytes`,
    });
    expect(server.seen.calls).toBe(before);
  });

  it.each([
    ["/v1/echo", limit, "application/json"],
    ["/agentry.v1.RunService/WatchRun", limit + 1, "application/connect+json"],
  ])("may come to %s with %i bytes of %s", async (path, length, type) => {
    expect((await sendRaw(server.port, ask(path, length, type), 200)).status).toBe(100);
  });
});

describe("the access log", () => {
  const lineOf = async (id: string) => {
    await expect.poll(() => server.logLines.some((line) => line.includes(id))).toBe(true);
    return JSON.parse(server.logLines.find((line) => line.includes(id)) ?? "{}");
  };

  it.each([
    ["GET", "/v1/echo", 200, "debug"],
    ["GET", "/nothing", 404, "info"],
  ])("has a line for %s %s", async (method, path, status, level) => {
    const id = `log-${status}`;
    await fetch(`${server.url}${path}?token=hidden`, { method, headers: { "x-request-id": id } });
    const line = await lineOf(id);
    expect(line).toMatchObject({ level, method, path, status, request_id: id, msg: "request" });
    expect(JSON.stringify(line)).not.toContain("hidden");
  });

  it("warns of failures of the server", async () => {
    const headers = { ...json, "x-request-id": "log-500" };
    await fetch(server.url + rpc, { method: "POST", headers, body: '{"runId":"boom"}' });
    await expect
      .poll(() => server.logLines.map((line) => JSON.parse(line)))
      .toContainEqual(expect.objectContaining({ level: "warn", status: 500, request_id: "log-500" }));
  });

  it("cannot be made to hold a forged line or a terminal's commands", async () => {
    const path = '/%0A{"level":"info"}\u001b[31m\u009b31m';
    const lines = [`GET ${path} HTTP/1.1`, "Host: localhost", "X-Request-Id: forged", "Connection: close"];
    await sendRaw(server.port, Buffer.from(rawRequest(...lines), "latin1"));
    const body = JSON.stringify({ runId: "missing\n\u001b[31m\u2028" });
    await fetch(server.url + rpc, { method: "POST", headers: { ...json, "x-request-id": "after" }, body });
    await lineOf("after");
    for (const line of server.logLines) {
      expect(line.match(/[\n\u2028]/g)).toEqual(["\n"]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(line).not.toMatch(/[\u001b\u0080-\u009f]/);
      expect(JSON.parse(line)).toBeTypeOf("object");
    }
  });
});
