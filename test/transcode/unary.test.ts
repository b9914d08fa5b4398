import { gunzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../gen/agentry/v1/error_pb.js";
import { httpStatus } from "../../src/transcode/http-status.js";
import type { Gateway, Implementation } from "./gateway.js";
import { echo, gatewayPool, json, openGateway } from "./gateway.js";

const open = gatewayPool();

const failWith = (thrown: unknown): Implementation => ({
  fail: () => {
    throw thrown;
  },
});

describe("verbs", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await openGateway({ implementation: { ...echo, delete: () => ({}) } });
  });
  afterAll(() => gateway.close());

  it("answers HEAD as GET, without the body", async () => {
    const get = await gateway.fetch("/v1/echo?text=a");
    const head = await gateway.fetch("/v1/echo?text=a", { method: "HEAD" });
    const headers = ({ headers }: Response) =>
      [...headers].filter(([name]) => !["date", "connection", "keep-alive"].includes(name));
    expect(headers(head)).toEqual(headers(get));
    expect(await head.text()).toBe("");
    expect(head.headers.get("content-length")).toBe(String('{"text":"a"}'.length));
  });
  it.each(["/v1/echo", "/v1/echo?nobody=1"])("answers OPTIONS %s with Allow", async (path) => {
    const reply = await gateway.fetch(path, { method: "OPTIONS" });
    expect(reply.status).toBe(204);
    expect(reply.headers.get("allow")).toBe("GET, POST, SEARCH, HEAD, OPTIONS");
    expect(reply.headers.get("access-control-allow-origin")).toBeNull();
  });
  it("answers another verb with 405 and Allow", async () => {
    const reply = await gateway.fetch("/v1/books/1", { method: "POST" });
    expect(reply.status).toBe(405);
    expect(reply.headers.get("allow")).toBe("PATCH, DELETE, OPTIONS");
    expect(await reply.json()).toMatchObject({ code: Code.Unimplemented, request_id: "r-1" });
  });
  it("knows a verb at the end of a path before an id with a colon", async () => {
    expect((await gateway.fetch("/v1/echo/text/a:shout", { method: "POST" })).status).toBe(405);
  });
  it("serves custom verbs", async () => {
    expect(
      await gateway.raw("SEARCH /v1/echo?text=a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    ).toContain('{"text":"a"}');
  });
  it.each(["GET", "PUT", "DELETE", "PROPFIND"])("serves %s where a rule takes any verb", async (method) => {
    expect((await gateway.fetch("/v1/any?text=a", { method })).status).toBe(200);
  });
  it("sends the status of success", async () => {
    const reply = await gateway.fetch("/v1/books/1", { method: "DELETE" });
    expect([reply.status, await reply.text()]).toEqual([202, "{}"]);
  });
  it.each(["/v1/nobody", "/v1/echo/", "/v1//echo", "/", "/v1/echo/only", "/v1/echo/text/a/b"])(
    "leaves %s alone",
    async (path) => {
      const reply = await gateway.fetch(path);
      expect([reply.status, await reply.text()]).toEqual([404, "nobody"]);
    },
  );
});

describe("a reply", () => {
  it.each<[string, string, unknown, unknown]>([
    ["a scalar", "/v1/echo/only/text", { text: "a" }, "a"],
    ["an empty scalar", "/v1/echo/only/text", {}, ""],
    ["a message", "/v1/echo/only/child", { child: { text: "a" } }, { text: "a" }],
    ["an unset message", "/v1/echo/only/child", {}, null],
    ["the whole message", "/v1/echo", {}, {}],
  ])("is %s", async (_name, path, message, body) => {
    const gateway = await open({ implementation: { echo: () => message } });
    const reply = await gateway.fetch(path);
    expect(await reply.json()).toEqual(body);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
  });
  it("is raw where it is an HttpBody", async () => {
    const data = new Uint8Array([0, 1, 255]);
    const gateway = await open({ implementation: { download: () => ({ contentType: "image/png", data }) } });
    const reply = await gateway.fetch("/v1/files/1");
    expect([reply.headers.get("content-type"), reply.headers.get("content-length")]).toEqual([
      "image/png",
      "3",
    ]);
    expect(new Uint8Array(await reply.arrayBuffer())).toEqual(data);
  });
  it("has a harmless content type whatever the HttpBody says", async () => {
    const gateway = await open({ implementation: { download: () => ({ contentType: "a\r\nx: y" }) } });
    expect((await gateway.fetch("/v1/files/1")).headers.get("content-type")).toBe("application/octet-stream");
  });
  it("echoes what an HttpBody uploads", async () => {
    const gateway = await open({ implementation: { upload: (message: never) => message } });
    const reply = await gateway.fetch("/v1/files/1", {
      method: "PUT",
      body: "a",
      headers: { "content-type": "text/csv" },
    });
    expect(await reply.json()).toEqual({ id: "1", file: { content_type: "text/csv", data: "YQ==" } });
  });
  it.each([
    ["gzip", "gzip"],
    ["br, gzip;q=0.5", "gzip"],
    ["*", "gzip"],
    ["gzip;q=0", null],
    ["br", null],
    ["", null],
  ])("to %j is compressed when it is large", async (accepted, encoding) => {
    const gateway = await open({ implementation: echo });
    const body = JSON.stringify({ text: "x".repeat(5000) });
    const raw = await rawBody(gateway, body, accepted);
    expect(raw.encoding).toBe(encoding);
    expect(encoding ? gunzipSync(raw.body).toString() : raw.body.toString()).toBe(body);
    expect((await rawBody(gateway, '{"text":"x"}', accepted)).encoding).toBeNull();
  });
  it("carries the headers of the service, without those that HTTP cannot", async () => {
    const gateway = await open({
      implementation: {
        echo: (_message: never, context) => {
          context.responseHeader.set("x-one", "1");
          context.responseHeader.append("set-cookie", "a=1");
          context.responseHeader.append("set-cookie", "b=2");
          context.responseHeader.set("x-control", "a\u0001b");
          context.responseHeader.set("content-length", "99");
          context.responseHeader.set("transfer-encoding", "chunked");
          context.responseHeader.set("cache-control", "max-age=1");
          return {};
        },
      },
    });
    const reply = await gateway.fetch("/v1/echo");
    expect(await reply.text()).toBe("{}");
    expect(reply.headers.get("x-one")).toBe("1");
    expect(reply.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(reply.headers.get("x-control")).toBeNull();
    expect(reply.headers.get("cache-control")).toBe("max-age=1");
  });
});

async function rawBody(gateway: Gateway, body: string, accepted: string) {
  const text = await gateway.raw(
    `POST /v1/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: ${accepted}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const [head = "", ...rest] = text.split("\r\n\r\n");
  return {
    encoding: /content-encoding: (\S+)/i.exec(head)?.[1] ?? null,
    body: Buffer.from(rest.join("\r\n\r\n"), "latin1"),
  };
}

describe("an error", () => {
  const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");
  it.each(codes.map((code) => [Code[code], code] as const))("%s has its status", async (_name, code) => {
    const gateway = await open({ implementation: failWith(new ConnectError("no", code)) });
    const reply = await gateway.fetch("/v1/fail/1");
    expect(reply.status).toBe(httpStatus(code));
    expect(await reply.json()).toEqual({ code, message: "no", request_id: "r-1" });
  });
  it.each([
    [Code.Canceled, 499],
    [Code.AlreadyExists, 409],
    [Code.Aborted, 409],
    [Code.ResourceExhausted, 429],
    [Code.DeadlineExceeded, 504],
    [99 as Code, 500],
  ])("%i is %i", (code, status) => {
    expect(httpStatus(code)).toBe(status);
  });
  it("that was not foreseen tells nothing, and is reported", async () => {
    const secret = new Error("password is 1234");
    const gateway = await open({ implementation: failWith(secret) });
    const reply = await gateway.fetch("/v1/fail/1");
    expect([reply.status, await reply.text()]).toEqual([
      500,
      '{"code":13,"message":"internal error","request_id":"r-1"}',
    ]);
    expect(gateway.errors).toEqual([secret]);
  });
  it.each([[null], [undefined], ["text"], [{}]])("thrown as %j is internal", async (thrown) => {
    const gateway = await open({ implementation: failWith(thrown) });
    expect((await gateway.fetch("/v1/fail/1")).status).toBe(500);
  });
  it.each([
    ["AbortError", 499],
    ["TimeoutError", 504],
  ])("of a fetch named %s is %i", async (name, status) => {
    const gateway = await open({ implementation: failWith(new DOMException("gone", name)) });
    expect((await gateway.fetch("/v1/fail/1")).status).toBe(status);
  });
  it("has its metadata as headers, and its details for the dialect", async () => {
    const error = new ConnectError("no", Code.Aborted, { "retry-after": "3", "content-length": "1" }, [
      { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { headSeq: 7 }) },
    ]);
    const gateway = await open({
      implementation: failWith(error),
      dialect: {
        error: (given) => ({
          status: 418,
          headers: { "x-dialect": "1" },
          body: given.findDetails(ErrorInfoSchema).map(({ headSeq }) => headSeq),
        }),
      },
    });
    const reply = await gateway.fetch("/v1/fail/1");
    expect([reply.status, reply.headers.get("retry-after"), reply.headers.get("x-dialect")]).toEqual([
      418,
      "3",
      "1",
    ]);
    expect(await reply.json()).toEqual([7]);
  });
  it("of a dialect that fails itself is still an answer", async () => {
    const broken = () => {
      throw new Error("broken");
    };
    const gateway = await open({ implementation: {}, dialect: { error: broken } });
    expect((await gateway.fetch("/v1/fail/1")).status).toBe(501);
  });
  it("of a dialect that knows only 400 keeps the statuses of HTTP", async () => {
    const gateway = await open({
      implementation: echo,
      dialect: { error: () => ({ status: 400, body: null }) },
    });
    expect((await gateway.fetch("/v1/books/1", { method: "POST" })).status).toBe(405);
    expect((await gateway.fetch("/v1/echo", { method: "POST", body: "a" })).status).toBe(415);
  });
  it("answers a method without an implementation with 501", async () => {
    const gateway = await open({ implementation: {} });
    expect((await gateway.fetch("/v1/missing")).status).toBe(501);
  });
  it("answers a reply that cannot be printed with 500", async () => {
    const gateway = await open({ implementation: { echo: () => ({ text: 5 }) } });
    expect((await gateway.fetch("/v1/echo")).status).toBe(500);
  });
});

describe("json bodies", () => {
  it("wait for a service that answers with a promise", async () => {
    const gateway = await open({ implementation: { echo: async (message: never) => message } });
    expect(await (await gateway.fetch("/v1/echo", json({ text: "a" }))).json()).toEqual({ text: "a" });
  });
});
