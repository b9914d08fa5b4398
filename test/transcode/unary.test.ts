import { connect as connectHttp2, constants } from "node:http2";
import { gunzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../gen/agentry/v1/error_pb.js";
import { httpStatus } from "../../src/transcode/http-status.js";
import type { Gateway, GatewayOptions, Implementation } from "./gateway.js";
import { echo, json, openGateway } from "./gateway.js";

const opened: Gateway[] = [];
async function open(options: GatewayOptions): Promise<Gateway> {
  const gateway = await openGateway(options);
  opened.push(gateway);
  return gateway;
}
afterEach(async () => {
  for (const gateway of opened.splice(0)) await gateway.close();
});

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

describe("a deadline", () => {
  const stuck: Implementation = { slow: () => new Promise(() => undefined) };
  it.each([
    ["connect-timeout-ms", "30"],
    ["x-server-timeout", "0.03"],
    ["connect-timeout-ms", "0"],
  ])("of %s: %s is enforced", async (name, value) => {
    const gateway = await open({ implementation: stuck });
    const reply = await gateway.fetch("/v1/slow/1", { headers: { [name]: value } });
    expect([reply.status, await reply.json()]).toEqual([
      504,
      expect.objectContaining({ code: Code.DeadlineExceeded }),
    ]);
  });
  it.each([
    ["connect-timeout-ms", "soon"],
    ["connect-timeout-ms", "-1"],
    ["connect-timeout-ms", "1.5"],
    ["connect-timeout-ms", "99999999999"],
    ["x-server-timeout", "1s"],
    ["x-server-timeout", "-1"],
    ["x-server-timeout", "1e3"],
    ["x-server-timeout", "NaN"],
  ])("of %s: %s is malformed", async (name, value) => {
    const gateway = await open({ implementation: stuck });
    expect((await gateway.fetch("/v1/slow/1", { headers: { [name]: value } })).status).toBe(400);
  });
  it("aborts the signal, and counts down", async () => {
    const seen: unknown[] = [];
    const gateway = await open({
      implementation: {
        slow: (_message: never, context) => {
          seen.push(context.timeoutMs());
          return new Promise((_resolve, reject) => {
            context.signal.addEventListener("abort", () => {
              seen.push((context.signal.reason as ConnectError).code);
              reject(context.signal.reason);
            });
          });
        },
      },
    });
    const reply = await gateway.fetch("/v1/slow/1", { headers: { "connect-timeout-ms": "50" } });
    expect(reply.status).toBe(504);
    expect(seen).toEqual([expect.toSatisfy((ms: number) => ms > 0 && ms <= 50), Code.DeadlineExceeded]);
  });
  it("that is not reached changes nothing", async () => {
    const gateway = await open({ implementation: echo });
    expect(
      (await gateway.fetch("/v1/echo", { headers: { "connect-timeout-ms": "9999999999" } })).status,
    ).toBe(200);
  });
});

describe("a context", () => {
  it("tells the service about the call", async () => {
    const key = createContextKey("nobody");
    let seen: unknown;
    const gateway = await open({
      contextValues: () => createContextValues().set(key, "caller"),
      implementation: {
        echo: (_message: never, context: HandlerContext) => {
          const { requestMethod, protocolName, url, requestHeader, method, service, values } = context;
          seen = [
            requestMethod,
            protocolName,
            url,
            requestHeader.get("x-a"),
            method.name,
            service.name,
            values.get(key),
            context.signal.aborted,
            context.timeoutMs(),
          ];
          return {};
        },
      },
    });
    await gateway.fetch("/v1/echo?text=a", { headers: { "x-a": "1" } });
    expect(seen).toEqual([
      "GET",
      "rest",
      `${gateway.url}/v1/echo?text=a`,
      "1",
      "Echo",
      "LibraryService",
      "caller",
      false,
      undefined,
    ]);
  });
  it.each([false, true])("aborts when the client leaves (HTTP/2: %s)", async (http2) => {
    let signal: AbortSignal | undefined;
    const gateway = await open({
      http2,
      implementation: {
        slow: (_message: never, context: HandlerContext) => {
          signal = context.signal;
          return new Promise(() => undefined);
        },
      },
    });
    const leave = http2 ? leaveHttp2(gateway) : leaveHttp1(gateway);
    await expect.poll(() => signal).toBeDefined();
    leave();
    await expect.poll(() => signal?.aborted).toBe(true);
    expect(ConnectError.from(signal?.reason).code).toBe(Code.Canceled);
  });
});

function leaveHttp1(gateway: Gateway): () => void {
  const controller = new AbortController();
  gateway.fetch("/v1/slow/1", { signal: controller.signal }).catch(() => undefined);
  return () => controller.abort();
}

function leaveHttp2(gateway: Gateway): () => void {
  const session = connectHttp2(gateway.url);
  const stream = session.request({ ":path": "/v1/slow/1" });
  stream.on("error", () => undefined);
  return () => {
    stream.close(constants.NGHTTP2_CANCEL);
    session.close();
  };
}

describe("interceptors", () => {
  it("wrap a call, the outermost first", async () => {
    const seen: string[] = [];
    const trace =
      (name: string): Interceptor =>
      (next) =>
      async (request) => {
        seen.push(`${name} ${request.method.name} ${request.stream} ${request.header.get("x-a")}`);
        request.header.set("x-a", name);
        const response = await next({ ...request });
        response.header.set("x-last", name);
        return response;
      };
    const gateway = await open({
      interceptors: [trace("outer"), trace("inner")],
      implementation: { echo: (_message: never, context) => ({ text: context.requestHeader.get("x-a") }) },
    });
    const reply = await gateway.fetch("/v1/echo", { headers: { "x-a": "0" } });
    expect(await reply.json()).toEqual({ text: "inner" });
    expect(seen).toEqual(["outer Echo false 0", "inner Echo false outer"]);
    expect(reply.headers.get("x-last")).toBe("outer");
  });
  it("may refuse, and may replace headers, values and reply", async () => {
    const key = createContextKey("");
    const replace: Interceptor = (next) => async (request) => {
      if (request.header.get("x-refuse")) throw new ConnectError("go away", Code.PermissionDenied);
      const response = await next({ ...request, contextValues: createContextValues().set(key, "swapped") });
      return { ...response, header: new Headers({ "x-new": "1" }) };
    };
    const gateway = await open({
      interceptors: [replace],
      implementation: { echo: (_message: never, context) => ({ text: context.values.get(key) }) },
    });
    expect((await gateway.fetch("/v1/echo", { headers: { "x-refuse": "1" } })).status).toBe(403);
    const reply = await gateway.fetch("/v1/echo");
    expect([await reply.json(), reply.headers.get("x-new")]).toEqual([{ text: "swapped" }, "1"]);
  });
});

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

describe("json bodies", () => {
  it("wait for a service that answers with a promise", async () => {
    const gateway = await open({ implementation: { echo: async (message: never) => message } });
    expect(await (await gateway.fetch("/v1/echo", json({ text: "a" }))).json()).toEqual({ text: "a" });
  });
});
