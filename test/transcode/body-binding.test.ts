import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Case, Gateway } from "./gateway.js";
import { checkReply, echo, json, openGateway } from "./gateway.js";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await openGateway({ implementation: echo });
});
afterAll(() => gateway.close());

const check = (given: Case): Promise<void> => checkReply(gateway, given);

describe("a body", () => {
  const bytes = (body: Buffer, headers: Record<string, string> = {}): RequestInit => ({
    method: "POST",
    body: new Uint8Array(body),
    headers: { "content-type": "application/json", ...headers },
  });
  const typed = (type: string): RequestInit => ({
    method: "POST",
    body: "{}",
    headers: { "content-type": type },
  });
  const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  const hello = Buffer.from('{"text":"hello"}');
  it.each<[string, Case]>([
    [
      "is the message",
      { path: "/v1/echo", init: json({ text: "a", int32Value: 1 }), body: { text: "a", int32_value: 1 } },
    ],
    ["is a field", { path: "/v1/echo/child", init: json({ text: "a" }), body: { child: { text: "a" } } }],
    ["is a list", { path: "/v1/echo/texts", init: json(["book1", "book2"]), body: ["book1", "book2"] }],
    ["is an empty list", { path: "/v1/echo/texts", init: json([]), body: [] }],
    ["is a list of numbers", { path: "/v1/echo/numbers", init: json([1, 2]), body: [1, 2] }],
    ["is a Struct", { path: "/v1/echo/struct", init: json({ a: [1, null] }, "PUT"), body: { a: [1, null] } }],
    ["is empty", { path: "/v1/echo", init: { method: "POST" }, body: {} }],
    ["is empty, with a content type", { path: "/v1/echo", init: json(""), body: {} }],
    ["is empty, for a field", { path: "/v1/echo/child", init: { method: "POST" }, body: {} }],
    ["is null, for a field", { path: "/v1/echo/child", init: json("null"), body: {} }],
    [
      "is overruled by the path",
      {
        path: "/v1/echo/b/merge",
        init: json({ text: "a", between: "c" }),
        body: { text: "b", between: "c" },
      },
    ],
    [
      "is compressed by gzip",
      {
        path: "/v1/echo",
        init: bytes(gzipSync(hello), { "content-encoding": "gzip" }),
        body: { text: "hello" },
      },
    ],
    [
      "is compressed by deflate",
      {
        path: "/v1/echo",
        init: bytes(deflateSync(hello), { "content-encoding": "deflate" }),
        body: { text: "hello" },
      },
    ],
    [
      "is compressed by brotli",
      {
        path: "/v1/echo",
        init: bytes(brotliCompressSync(hello), { "content-encoding": "BR" }),
        body: { text: "hello" },
      },
    ],
    [
      "is not what its encoding says",
      { path: "/v1/echo", init: bytes(hello, { "content-encoding": "gzip" }), status: 400 },
    ],
    [
      "has an unknown encoding",
      { path: "/v1/echo", init: bytes(hello, { "content-encoding": "zstd" }), status: 415 },
    ],
    [
      "has two encodings",
      { path: "/v1/echo", init: bytes(hello, { "content-encoding": "gzip, br" }), status: 415 },
    ],
    [
      "is a compression bomb",
      {
        path: "/v1/echo",
        init: bytes(gzipSync(Buffer.alloc(20_000_000)), { "content-encoding": "gzip" }),
        status: 413,
      },
    ],
    ["is UTF-8", { path: "/v1/echo", init: json({ text: "é😀" }), body: { text: "é😀" } }],
    [
      "is not UTF-8",
      { path: "/v1/echo", init: bytes(Buffer.from('{"text":"\xc3("}', "latin1")), status: 400 },
    ],
    ["is truncated", { path: "/v1/echo", init: json('{"text":'), status: 400 }],
    ["is garbage", { path: "/v1/echo", init: json("]["), status: 400 }],
    ["has garbage after it", { path: "/v1/echo", init: json("{} x"), status: 400 }],
    ["has two documents", { path: "/v1/echo/child", init: json('{},"text":"smuggled"'), status: 400 }],
    ["misses a colon", { path: "/v1/echo", init: json('{"text" "a"}'), status: 400 }],
    ["is a list in place of a message", { path: "/v1/echo", init: json([]), status: 400 }],
    ["is a message in place of a list", { path: "/v1/echo/texts", init: json({}), status: 400 }],
    ["is null", { path: "/v1/echo", init: json("null"), status: 400 }],
    ["is only space", { path: "/v1/echo", init: json(" "), status: 400 }],
    ["has an unknown member", { path: "/v1/echo", init: json({ nobody: 1 }), status: 400 }],
    ["has a member twice", { path: "/v1/echo", init: json('{"text":"a","text":"b"}'), status: 400 }],
    [
      "has a member by both names",
      { path: "/v1/echo", init: json('{"int32_value":1,"int32Value":2}'), status: 400 },
    ],
    [
      "has a member twice in a field",
      { path: "/v1/echo/child", init: json('{"text":"a","te\\u0078t":"b"}'), status: 400 },
    ],
    [
      "has two members of a oneof",
      { path: "/v1/echo", init: json({ choice_text: "a", choice_number: 1 }), status: 400 },
    ],
    ["has a lone surrogate", { path: "/v1/echo", init: json('{"text":"\\ud800"}'), status: 400 }],
    ["is 32 deep", { path: "/v1/echo/struct", init: json(nested(32), "PUT"), body: JSON.parse(nested(32)) }],
    ["is 200 deep", { path: "/v1/echo/struct", init: json(nested(200), "PUT"), status: 400 }],
    ["is 100,000 deep", { path: "/v1/echo/struct", init: json(nested(100_000), "PUT"), status: 400 }],
    [
      "is 100,000 deep in lists",
      { path: "/v1/echo/texts", init: json("[".repeat(100_000) + "]".repeat(100_000)), status: 400 },
    ],
    [
      "is deep in an unknown member",
      { path: "/v1/echo", init: json(`{"nobody":${nested(5000)}}`), status: 400 },
    ],
    [
      "is 40 KB of Struct",
      {
        path: "/v1/echo/struct",
        init: json({ a: "x".repeat(40_000) }, "PUT"),
        body: { a: "x".repeat(40_000) },
      },
    ],
    [
      "is larger than the limit",
      { path: "/v1/echo", init: json({ text: "x".repeat(1024 * 1024) }), status: 413 },
    ],
    [
      "has no content type",
      { path: "/v1/echo", init: { method: "POST", body: new Uint8Array(hello) }, status: 415 },
    ],
    ["comes with DELETE", { path: "/v1/books/1", init: json({}, "DELETE"), status: 400 }],
    ["comes where the rule has none", { path: "/v1/any", init: json({}), status: 400 }],
    [
      "holds an Any",
      {
        path: "/v1/echo",
        init: json({ any: { "@type": "type.googleapis.com/gateway.test.v1.Book", id: "1" } }),
        body: { any: { "@type": "type.googleapis.com/gateway.test.v1.Book", id: "1" } },
      },
    ],
    ["holds an unknown Any", { path: "/v1/echo", init: json({ any: { "@type": "x/nobody" } }), status: 400 }],
  ])("%s", (_name, one) => check(one));

  it.each([
    ["application/json; charset=UTF-8", 200],
    ["APPLICATION/JSON ;charset=utf-8", 200],
    ['application/json; charset="utf8"', 200],
    ["application/problem+json", 200],
    ["application/json; charset=utf-16", 415],
    ["text/json", 415],
    ["text/plain", 415],
    ["application/x-www-form-urlencoded", 415],
    ["multipart/form-data; boundary=x", 415],
    ["application/json, text/plain", 415],
  ])("of type %s is answered with %i", async (type, status) => {
    expect((await gateway.fetch("/v1/echo", typed(type))).status).toBe(status);
  });

  it.each([
    ["a path", "/v1/echo/color/GREEN", undefined],
    ["a query", "/v1/echo?color=GREEN", undefined],
    ["a body", "/v1/echo", { color: "GREEN" }],
    ["a list in a body", "/v1/echo", { colors: ["COLOR_RED", "GREEN"] }],
    ["a map in a body", "/v1/echo", { colors_by_flag: { true: "GREEN" } }],
  ])("that misspells an enum in %s is told the names", async (_where, path, members) => {
    const reply = await gateway.fetch(path, members && json(members));
    const text = await reply.text();
    expect([reply.status, text]).toEqual([400, expect.stringContaining("COLOR_RED, COLOR_BLUE, COLOR_COLD")]);
    expect(text).not.toMatch(/GREEN|UNSPECIFIED/);
  });

  it("is not repeated in an error", async () => {
    const reply = await gateway.fetch("/v1/echo", json({ int32_value: "sk-secret" }));
    const broken = await gateway.fetch("/v1/echo", json('{"text": sk-secret}'));
    expect(await reply.text()).not.toContain("sk-secret");
    expect(await broken.text()).not.toContain("sk-secret");
  });
});

describe("PATCH", () => {
  const patch = async (path: string, body: unknown) =>
    (await gateway.fetch(path, json(body, "PATCH"))).json();
  it.each([
    ["names the members in the mask", { title: "a", pageCount: 0 }, "title,pageCount"],
    ["names a null", { title: null }, "title"],
    ["leaves out what the path sets", { id: "9", title: "a" }, "title"],
    ["has an empty mask for an empty object", {}, ""],
  ])("%s", async (_name, body, mask) => {
    const reply = await patch("/v1/books/7", body);
    expect(reply).toMatchObject({ book: { id: "7" }, update_mask: mask });
  });
  it("keeps a mask of the query", async () => {
    expect(await patch("/v1/books/7?update_mask=page_count", { title: "a" })).toMatchObject({
      update_mask: "pageCount",
    });
  });
});
