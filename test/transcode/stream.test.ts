import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { EventSource } from "eventsource";
import { describe, expect, it } from "vitest";
import type { Gateway, GatewayOptions, Implementation } from "./gateway.js";
import { gatewayPool, json, parseSse } from "./gateway.js";
import type { WatchRequest } from "./sources.js";
import { count, delta, idle, lineFeeds, never, pause, tracked } from "./sources.js";

const openWith = gatewayPool();
const open = (watch: Implementation[string], options: GatewayOptions = {}): Promise<Gateway> =>
  openWith({ implementation: { watch, downloadChunks: watch }, ...options });

describe("a stream of server-sent events", () => {
  it("has ids, names and data", async () => {
    const gateway = await open(async function* () {
      yield {
        event: {
          seq: 1,
          time: { seconds: 1n, nanos: 5_000_000 },
          body: { case: "textDelta", value: { text: "a" } },
        },
      };
      yield { event: { seq: 0, body: { case: "runFinished", value: { outcome: "ok" } } } };
      yield { event: {} };
      yield {};
    });
    const reply = await gateway.fetch("/v1/watch/a");
    expect(await reply.text()).toBe(
      'id: 1\nevent: text_delta\ndata: {"seq":1,"time":"1970-01-01T00:00:01.005Z","text_delta":{"text":"a"}}\n\n' +
        'event: run_finished\ndata: {"run_finished":{"outcome":"ok"}}\n\n' +
        "data: {}\n\n" +
        "data: null\n\n",
    );
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-content-type-options": "nosniff",
    });
    expect(reply.headers.get("content-encoding")).toBeNull();
  });
  it("cannot be broken by what it says", async () => {
    const gateway = await open(async function* () {
      yield delta(1, lineFeeds);
      yield delta(2, "\ud800");
    });
    const events = parseSse(await (await gateway.fetch("/v1/watch/a")).text());
    expect(events.map(({ id, event }) => [id, event])).toEqual([
      ["1", "text_delta"],
      ["2", "text_delta"],
    ]);
    expect(JSON.parse(events[0]!.data).text_delta.text).toBe(lineFeeds);
  });
  it("may be the whole message, and may come by POST", async () => {
    const gateway = await open(count);
    const whole = parseSse(await (await gateway.fetch("/v1/watch/a/whole?count=1")).text());
    expect(whole).toEqual([
      { id: "1", event: "text_delta", data: '{"event":{"seq":1,"text_delta":{"text":"hi"}}}' },
    ]);
    expect(parseSse(await (await gateway.fetch("/v1/watch/a", json({ count: 3 }))).text())).toHaveLength(3);
  });
  it.each([
    [undefined, "text/event-stream"],
    ["*/*", "text/event-stream"],
    ["text/event-stream", "text/event-stream"],
    ["text/*;q=0.1", "text/event-stream"],
    ["application/x-ndjson", "application/x-ndjson"],
    ["application/json", "application/x-ndjson"],
    ["application/json, text/event-stream", "application/x-ndjson"],
    ["application/json;q=0.5, text/event-stream", "text/event-stream"],
    ["*/*, application/x-ndjson", "application/x-ndjson"],
    ["text/html", "application/json"],
    ["text/event-stream;q=0", "application/json"],
    ["constructor", "application/json"],
  ])("for Accept: %s is %s", async (accept, type) => {
    const gateway = await open(count);
    const text = await gateway.raw(
      `GET /v1/watch/a?count=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${accept ? `Accept: ${accept}\r\n` : ""}\r\n`,
    );
    expect(text).toContain(`content-type: ${type}\r\n`);
    expect(text.startsWith("HTTP/1.1 406")).toBe(type === "application/json");
  });
  it("sends its headers before its first message", async () => {
    const gateway = await open((_message: never, { signal }) => idle(signal));
    const reply = await gateway.fetch("/v1/watch/a");
    expect(reply.status).toBe(200);
    await reply.body?.cancel();
  });
  it("sends comments while it is silent", async () => {
    const gateway = await open((_message: never, { signal }) => idle(signal), { heartbeatMs: 15 });
    const reply = await gateway.fetch("/v1/watch/a");
    const { value } = await reply.body!.getReader().read();
    expect(Buffer.from(value!).toString()).toMatch(/^(: ping\n\n)+$/);
  });
  it("answers HEAD with its headers only", async () => {
    const state = { returned: false };
    const gateway = await open(tracked(state, count));
    const reply = await gateway.fetch("/v1/watch/a?count=9", { method: "HEAD" });
    expect([reply.status, reply.headers.get("content-type"), await reply.text()]).toEqual([
      200,
      "text/event-stream",
      "",
    ]);
    await expect.poll(() => state.returned).toBe(true);
  });
  it("carries the headers of the service and passes the interceptors", async () => {
    const seen: unknown[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      const response = await next(request);
      if (!response.stream) return response;
      const watched = async function* () {
        for await (const message of response.message) {
          seen.push(message.$typeName);
          yield message;
        }
        seen.push("end");
      };
      return { ...response, message: watched() };
    };
    const watch = (request: never, context: HandlerContext) => {
      context.responseHeader.set("x-a", "1");
      return count(request);
    };
    const gateway = await open(watch as never, { interceptors: [interceptor] });
    const reply = await gateway.fetch("/v1/watch/a?count=2");
    expect(reply.headers.get("x-a")).toBe("1");
    expect(parseSse(await reply.text())).toHaveLength(2);
    expect(seen).toEqual(["gateway.test.v1.WatchResponse", "gateway.test.v1.WatchResponse", "end"]);
  });
});

describe("a stream of lines", () => {
  const lines = { headers: { accept: "application/x-ndjson" } };
  it("has one message in each", async () => {
    const gateway = await open(count);
    const reply = await gateway.fetch("/v1/watch/a?count=2", lines);
    expect(await reply.text()).toBe(
      '{"seq":1,"text_delta":{"text":"hi"}}\n{"seq":2,"text_delta":{"text":"hi"}}\n',
    );
  });
  it("ends with an error that can be told from a message", async () => {
    const gateway = await open(async function* () {
      yield delta(1);
      throw new ConnectError("no", Code.Aborted);
    });
    const text = await (await gateway.fetch("/v1/watch/a", lines)).text();
    expect(text.trimEnd().split("\n").at(-1)).toBe('{"error":{"code":10,"message":"no","request_id":"r-1"}}');
  });
});

describe("a stream of bytes", () => {
  it("is joined, under the content type of the first piece", async () => {
    const gateway = await open(async function* () {
      await pause(40);
      yield { contentType: "text/csv", data: Buffer.from("a,") };
      yield { data: Buffer.from("b") };
    });
    const reply = await gateway.fetch("/v1/files/1/chunks");
    expect([reply.headers.get("content-type"), await reply.text()]).toEqual(["text/csv", "a,b"]);
  });
  it("is cut when it fails", async () => {
    const gateway = await open(async function* () {
      yield { data: Buffer.from("b") };
      await pause(5);
      throw new ConnectError("no", Code.Aborted);
    });
    await expect(gateway.fetch("/v1/files/1/chunks").then((reply) => reply.text())).rejects.toThrow();
  });
});

describe("an error of a stream", () => {
  const refuse = () => {
    throw new ConnectError("no", Code.NotFound);
  };
  const refuseLater = async function* () {
    yield* [];
    await pause(1);
    refuse();
  };
  it.each<[string, Implementation[string]]>([
    ["of the call", refuse],
    ["of the first message", refuseLater],
    ["of a promise", async () => refuse()],
  ])("%s has its status", async (_name, watch) => {
    const gateway = await open(watch as never);
    const reply = await gateway.fetch("/v1/watch/a");
    expect([reply.status, await reply.json()]).toEqual([404, expect.objectContaining({ message: "no" })]);
  });
  it("after a message is the last event", async () => {
    const gateway = await open(async function* () {
      yield delta(1);
      await pause(1);
      throw new Error("password is 1234");
    });
    const events = parseSse(await (await gateway.fetch("/v1/watch/a")).text());
    expect(events.at(-1)).toEqual({
      event: "error",
      data: '{"code":13,"message":"internal error","request_id":"r-1"}',
    });
    expect(gateway.errors).toHaveLength(1);
  });
  it("after the headers is the last event", async () => {
    const gateway = await open(async function* () {
      yield* [];
      await pause(60);
      throw new ConnectError("no", Code.NotFound);
    });
    const reply = await gateway.fetch("/v1/watch/a");
    expect([reply.status, parseSse(await reply.text()).map(({ event }) => event)]).toEqual([200, ["error"]]);
  });
  it.each([
    [{ event: "failed", data: { a: 1 } }, 'event: failed\ndata: {"a":1}\n\n'],
    [{ data: "[DONE]" }, 'data: "[DONE]"\n\n'],
    [
      { event: "a\nid: 1", data: lineFeeds },
      `data: ${JSON.stringify(lineFeeds).replace("\u2028", "\\u2028")}\n\n`,
    ],
  ])("is spelled by the dialect: %j", async (frame, text) => {
    const gateway = await open(
      async function* () {
        yield delta(0, "");
        throw new ConnectError("no", Code.Aborted);
      },
      { dialect: { streamError: () => frame } },
    );
    expect((await (await gateway.fetch("/v1/watch/a")).text()).endsWith(`}\n\n${text}`)).toBe(true);
  });
  it("is told where a message cannot be printed, and the source is released", async () => {
    const state = { returned: false };
    const gateway = await open(
      tracked(state, async function* () {
        yield delta(1);
        yield { event: { seq: "1\nid: 2" } };
        await never();
      }),
    );
    const events = parseSse(await (await gateway.fetch("/v1/watch/a")).text());
    expect(events.map(({ event }) => event)).toEqual(["text_delta", "error"]);
    await expect.poll(() => state.returned).toBe(true);
  });
  it.each([
    [0, 504],
    [60, 200],
  ])("at the deadline, %i ms after the headers, is told", async (ms, status) => {
    const gateway = await open((_message: never, { signal }) => idle(signal));
    const reply = await gateway.fetch("/v1/watch/a", { headers: { "connect-timeout-ms": String(ms + 5) } });
    expect(reply.status).toBe(status);
    expect(await reply.text()).toContain(`"code":${Code.DeadlineExceeded}`);
  });
});

describe("a stream that ends without a message", () => {
  const gone = async function* () {};
  it.each<[string, Record<string, string>, number]>([
    ["is empty", {}, 200],
    ["tells an EventSource not to come back", { "last-event-id": "7" }, 204],
  ])("%s", async (_name, headers, status) => {
    const gateway = await open(gone);
    const reply = await gateway.fetch("/v1/watch/a", { headers });
    expect([reply.status, await reply.text()]).toEqual([status, ""]);
  });
});

describe("Last-Event-ID", () => {
  const seenBy = async (path: string, id: string) => {
    let after: number | undefined;
    const gateway = await open(async function* (request: never) {
      after = (request as WatchRequest).after;
      yield delta(1);
    });
    const reply = await gateway.fetch(path, { headers: { "last-event-id": id } });
    await reply.text();
    return [reply.status, after];
  };
  it.each([
    ["/v1/watch/a", "7", [200, 7]],
    ["/v1/watch/a", "4294967295", [200, 4294967295]],
    ["/v1/watch/a?after=0", "7", [200, 7]],
    ["/v1/watch/a?after=3", "", [200, 3]],
    ["/v1/watch/a?after=3", "x", [400, undefined]],
    ["/v1/watch/a", "", [200, 0]],
    ["/v1/watch/a", "4294967296", [400, undefined]],
    ["/v1/watch/a", "-1", [400, undefined]],
    ["/v1/watch/a", "1.0", [400, undefined]],
    ["/v1/watch/a", "01", [400, undefined]],
    ["/v1/watch/a", "0x1", [400, undefined]],
    ["/v1/watch/a", "1 2", [400, undefined]],
    ["/v1/watch/a", "9".repeat(50), [400, undefined]],
  ])("%s with %s", async (path, id, expected) => {
    expect(await seenBy(path, id)).toEqual(expected);
  });
  it.each([
    ["", 0],
    ["?after=4", 4],
  ])("lets an EventSource at %j miss nothing and see nothing twice", async (query, begin) => {
    const gateway = await open(async function* (request: never) {
      const { after } = request as WatchRequest;
      for (let seq = after + 1; seq <= Math.min(after + 3, 10); seq++) yield delta(seq);
      await pause(1);
    });
    const source = new EventSource(`${gateway.url}/v1/watch/a${query}`, {
      fetch: (url, init) => fetch(url, init as RequestInit),
    });
    const ids: string[] = [];
    source.addEventListener("text_delta", (event) => ids.push(event.lastEventId));
    await expect.poll(() => source.readyState, { timeout: 25_000 }).toBe(EventSource.CLOSED);
    expect(ids).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"].slice(begin));
  });
});
