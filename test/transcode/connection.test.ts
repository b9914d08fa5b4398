import { connect as connectHttp2 } from "node:http2";
import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { echo, gatewayPool } from "./gateway.js";

const open = gatewayPool();

describe("a connection", () => {
  const post = (length: number, body: string, more = "") =>
    `POST /v1/echo HTTP/1.1\r\nHost: a\r\n${more}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
  const get = "GET /v1/echo?text=next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  it.each([
    ["a refused verb", `PUT /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde`, 405],
    ["a refused type", `POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde`, 415],
    ["a body where none is taken", `GET /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde`, 400],
    [
      "a chunked body where none is taken",
      `GET /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
      400,
    ],
    [
      "an empty chunked body where none is taken",
      `GET /v1/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      200,
    ],
    ["a malformed timeout", post(2, "{}", "Connect-Timeout-Ms: x\r\n"), 400],
    ["a good request", post(2, "{}"), 200],
  ])("serves the next request after %s", async (_name, first, status) => {
    const gateway = await open({ implementation: echo });
    const text = await gateway.raw(first + get);
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`, "HTTP/1.1 200"]);
    expect(text.endsWith('{"text":"next"}')).toBe(true);
  });
  it.each([
    ["announced", post(50_000_000, "{")],
    [
      "chunked",
      `POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${`40000\r\n${" ".repeat(0x40000)}\r\n`.repeat(5)}`,
    ],
  ])("is closed after 413 to a body that is too large, %s", async (_name, request) => {
    const gateway = await open({ implementation: echo });
    const text = await gateway.raw(request);
    expect(text).toMatch(/^HTTP\/1.1 413 /);
    expect(text.toLowerCase()).toContain("connection: close");
    expect(text).toContain(`"code":${Code.ResourceExhausted}`);
  });
  it("that ends within a body breaks nothing", async () => {
    const gateway = await open({ implementation: echo });
    const controller = new AbortController();
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("{")) });
    const sent = gateway.fetch("/v1/echo", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
      signal: controller.signal,
    } as RequestInit);
    setTimeout(() => controller.abort(), 50);
    await expect(sent).rejects.toThrow();
    expect((await gateway.fetch("/v1/echo?text=a")).status).toBe(200);
    expect(gateway.errors).toEqual([]);
  });
  it("of HTTP/2 serves bodies, replies and errors", async () => {
    const gateway = await open({ implementation: echo, http2: true });
    const session = connectHttp2(gateway.url);
    const send = (headers: Record<string, string>, body?: string) =>
      new Promise<[number, string]>((resolve, reject) => {
        const stream = session.request(headers, { endStream: body === undefined });
        let status = 0;
        let text = "";
        stream.on("response", (reply) => {
          status = Number(reply[":status"]);
        });
        stream.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        stream.on("end", () => resolve([status, text])).on("error", reject);
        if (body !== undefined) stream.end(body);
      });
    const type = { "content-type": "application/json" };
    expect(await send({ ":path": "/v1/echo?text=a" })).toEqual([200, '{"text":"a"}']);
    expect(await send({ ":path": "/v1/echo", ":method": "POST", ...type }, '{"text":"b"}')).toEqual([
      200,
      '{"text":"b"}',
    ]);
    expect((await send({ ":path": "/v1/echo", ":method": "POST", ...type }, " ".repeat(2_000_000)))[0]).toBe(
      413,
    );
    expect((await send({ ":path": "/v1/echo", ":method": "PUT" }, "{}"))[0]).toBe(405);
    session.close();
  });
});
