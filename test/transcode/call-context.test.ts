import { connect as connectHttp2, constants } from "node:http2";
import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import type { Gateway, Implementation } from "./gateway.js";
import { echo, gatewayPool } from "./gateway.js";

const open = gatewayPool();

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
