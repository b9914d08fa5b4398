import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawRequest, sendRaw } from "../support/raw-http.js";
import type { TestServer } from "./test-server.js";
import { openTestServer } from "./test-server.js";

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer({ headersMs: 300, requestMs: 600 });
});
afterAll(() => server.close());

const host = "Host: localhost";

describe("what the parser does not understand", () => {
  it.each([
    ["raw bytes in a path", rawRequest("GET /caf\u00e9 HTTP/1.1", host), 400, "invalid", /percent-encoded/],
    [
      "a long target",
      rawRequest(`GET /${"x".repeat(17_000)} HTTP/1.1`, host),
      431,
      "exhausted",
      /target and headers/,
    ],
    [
      "a long target with a body after it",
      rawRequest(`POST /${"x".repeat(17_000)} HTTP/1.1`, host, "Content-Length: 999999") +
        "x".repeat(999_999),
      431,
      "exhausted",
      /target and headers/,
    ],
    ["an unknown method", rawRequest("BREW /health HTTP/1.1", host), 400, "invalid", /method/],
    ["no HTTP", "hello there\r\n\r\n", 400, "invalid", /./],
    ["a head that stops", "GET /health HTTP/1.1\r\nHost: lo", 408, "timeout", /too long to arrive/],
  ])("is told why: %s", async (_, bytes, status, reason, message) => {
    const reply = await sendRaw(server.port, Buffer.from(bytes, "latin1"), 5000);
    expect(reply).toMatchObject({ status, closed: true });
    expect(reply.head).toMatch(/^connection: close$/im);
    expect(reply.head).toMatch(/^content-type: application\/json$/im);
    const id = /^x-request-id: (\w+)$/im.exec(reply.head)?.[1];
    expect(JSON.parse(reply.body)).toEqual({
      code: expect.stringMatching(/^[a-z_]+$/),
      message: expect.stringMatching(message),
      reason,
      request_id: id,
    });
  });

  it("does not speak into a response that has begun", async () => {
    const body = '{"runId":"slow","after":1000}';
    const framed = `\0\0\0\0${String.fromCharCode(body.length)}${body}`;
    const lines = ["POST /agentry.v1.RunService/WatchRun HTTP/1.1", host, `Content-Length: ${framed.length}`];
    const socket = connect(server.port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    socket.write(rawRequest(...lines, "Content-Type: application/connect+json") + framed);
    await expect.poll(() => text).toContain("slow");
    socket.write("no HTTP at all\r\n\r\n");
    await closed;
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(text).not.toContain("invalid_argument");
  });
});

it("tells a request without a host name that it needs one", async () => {
  const reply = await sendRaw(server.port, rawRequest("GET /health HTTP/1.1", "Connection: close"));
  expect(reply.status).toBe(400);
  expect(JSON.parse(reply.body)).toMatchObject({ message: "the request has no host name" });
});
