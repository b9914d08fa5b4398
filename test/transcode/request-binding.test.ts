import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Gateway } from "./gateway.js";
import { echo, json, openGateway } from "./gateway.js";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await openGateway({ implementation: echo });
});
afterAll(() => gateway.close());

interface Case {
  readonly path: string;
  readonly init?: RequestInit;
  readonly status?: number;
  readonly body?: unknown;
}

async function check({ path, init, status = 200, body }: Case): Promise<void> {
  const reply = await gateway.fetch(path, init);
  const text = await reply.text();
  expect({ status: reply.status, text }).toMatchObject({ status });
  expect(reply.headers.get("content-type")).toBe("application/json");
  if (body !== undefined) expect(JSON.parse(text)).toEqual(body);
  else expect(JSON.parse(text)).toHaveProperty("message");
}

describe("a path variable", () => {
  it.each<[string, Case]>([
    ["is decoded, and a plus stays a plus", { path: "/v1/echo/text/p%20q%2Fr+", body: { text: "p q/r+" } }],
    ["may hold a colon", { path: "/v1/echo/text/bar:123", body: { text: "bar:123" } }],
    ["ends before a verb", { path: "/v1/echo/text/bar:123:shout", body: { text: "bar:123" } }],
    [
      "keeps escaped slashes across segments",
      {
        path: "/v1/echo/pair/p/foo%20foo/q/bar%2Fbar",
        body: { text: "p/foo foo/q/bar%2Fbar" },
      },
    ],
    ["takes several segments", { path: "/v1/echo/path/a/b/c", body: { text: "a/b/c" } }],
    ["takes no segment where the template allows it", { path: "/v1/echo/path", body: {} }],
    ["is a number", { path: "/v1/echo/number/-2147483648", body: { int32_value: -2147483648 } }],
    ["is no number", { path: "/v1/echo/number/nan", status: 400 }],
    ["is too large a number", { path: "/v1/echo/number/2147483648", status: 400 }],
    ["is an enum by name", { path: "/v1/echo/color/COLOR_RED", body: { color: "COLOR_RED" } }],
    ["is an enum by number", { path: "/v1/echo/color/2", body: { color: "COLOR_BLUE" } }],
    ["is an unknown enum number", { path: "/v1/echo/color/77", body: { color: 77 } }],
    ["is an unknown enum name", { path: "/v1/echo/color/GREEN", status: 400 }],
    ["is nested", { path: "/v1/echo/nested/x", body: { child: { text: "x" } } }],
    ["is a time", { path: "/v1/echo/time/2026-01-31T12:00:00Z", body: { time: "2026-01-31T12:00:00Z" } }],
    ["has a malformed escape", { path: "/v1/echo/text/%zz", status: 400 }],
    ["is not UTF-8", { path: "/v1/echo/text/%ff", status: 400 }],
  ])("%s", (_name, one) => check(one));
});

describe("a query parameter", () => {
  const ok = (query: string, body: unknown): [string, Case] => [query, { path: `/v1/echo?${query}`, body }];
  const refused = (query: string): [string, Case] => [query, { path: `/v1/echo?${query}`, status: 400 }];
  it.each<[string, Case]>([
    ok("text=Hello+world", { text: "Hello world" }),
    ok("text=%24%25%2F%20%0A", { text: "$%/ \n" }),
    ok("text=", {}),
    ok("text", {}),
    ok("&&text=a&", { text: "a" }),
    ok("text=a=b", { text: "a=b" }),
    ok("bool_value=true&boolValue2=".slice(0, 15), { bool_value: true }),
    ok("boolValue=true", { bool_value: true }),
    ok("otherName=a", { renamed: "a" }),
    ok("renamed=a", { renamed: "a" }),
    ok("child.text=Leo%20Tolstoy&child.child.int32Value=3", {
      child: { text: "Leo Tolstoy", child: { int32_value: 3 } },
    }),
    ok("texts=a&texts=b", { texts: ["a", "b"] }),
    ok("numbers=1&numbers=-2", { numbers: [1, -2] }),
    ok("colors=COLOR_RED&colors=2", { colors: ["COLOR_RED", "COLOR_BLUE"] }),
    ok("int32_value=2147483647", { int32_value: 2147483647 }),
    ok("uint32_value=4294967295", { uint32_value: 4294967295 }),
    ok("int64_value=-9223372036854775808", { int64_value: "-9223372036854775808" }),
    ok("uint64_value=18446744073709551615", { uint64_value: "18446744073709551615" }),
    ok("long_text=5", { long_text: "5" }),
    ok("float_value=1.5&double_value=1.7976931348623157e308", {
      float_value: 1.5,
      double_value: 1.7976931348623157e308,
    }),
    ok("double_value=NaN&float_value=-Infinity", { double_value: "NaN", float_value: "-Infinity" }),
    ok("bytes_value=-_-_", { bytes_value: "+/+/" }),
    ok("bytes_value=%2B%2F%2B%2F", { bytes_value: "+/+/" }),
    ok("bytes_value=YQ", { bytes_value: "YQ==" }),
    ok("bytes_value=YQ==", { bytes_value: "YQ==" }),
    ok("maybe_text=&maybe_number=0", { maybe_text: "", maybe_number: 0 }),
    ok("choice_text=a", { choice_text: "a" }),
    ok("time=2026-01-31T12:00:00.5%2B01:00", { time: "2026-01-31T11:00:00.500Z" }),
    ok("times=2026-01-31T12:00:00Z&times=2027-01-31T12:00:00Z", {
      times: ["2026-01-31T12:00:00Z", "2027-01-31T12:00:00Z"],
    }),
    ok("duration=3.000000001s", { duration: "3.000000001s" }),
    ok("mask=foo,bar.baz,longName,snake_name", { mask: "foo,bar.baz,longName,snakeName" }),
    ok("string_wrapper=a&int64_wrapper=5&bool_wrapper=false", {
      string_wrapper: "a",
      int64_wrapper: "5",
      bool_wrapper: false,
    }),
    ok("wrappers=1&wrappers=2", { wrappers: [1, 2] }),
    ok("choice_wrapper=a", { choice_wrapper: "a" }),
    refused("int32_value=2147483648"),
    refused("int32_value=1.0"),
    refused("int32_value="),
    refused("int32_value=%201"),
    refused("uint32_value=-1"),
    refused("uint64_value=18446744073709551616"),
    refused(`int64_value=${"9".repeat(5000)}`),
    refused("float_value=3.5e38"),
    refused("double_value=1e309"),
    refused("double_value=0x10"),
    refused("bool_value=1"),
    refused("bool_value=True"),
    refused("bytes_value=*"),
    refused("bytes_value=Y"),
    refused("time=null"),
    refused("time=0000-01-01T00:00:00Z"),
    refused("time=2026-02-31"),
    refused("duration=3"),
    refused("duration=3sx"),
    refused("duration=1.0000000001s"),
    refused("wrappers=-1"),
    refused("text=a&text=b"),
    refused("text=a&text="),
    refused("child.text=a&child.text=b"),
    refused("choice_text=a&choice_number=1"),
    refused("choice_text=a&choice_child.text=b"),
    refused("choice_child.choice_text=a&choice_child.choice_number=1"),
    refused("labels=a"),
    refused("labels.a=b"),
    refused("child=a"),
    refused("children.text=a"),
    refused("struct=%7B%7D"),
    refused("int32_value.x=1"),
    refused("time.seconds=1"),
    refused("nobody=1"),
    refused("child.nobody=1"),
    refused("=1"),
    refused("__proto__=1"),
    refused("child.__proto__.text=1"),
    refused("constructor=1"),
    refused("text=%zz"),
    refused("%zz=a"),
    refused("text=%ff"),
    refused(`${"child.".repeat(40)}text=a`),
  ])("%s", (_name, one) => check(one));

  it("names the unknown one", async () => {
    const reply = await gateway.fetch("/v1/echo?nob%6fdy=1");
    expect(await reply.json()).toMatchObject({
      code: 3,
      message: expect.stringContaining('"nobody"'),
      request_id: "r-1",
    });
  });

  it.each([
    ["the path", "/v1/echo/text/a?text=b"],
    ["the path to zero", "/v1/echo/number/0?int32_value=5"],
    ["the path, below a message", "/v1/echo/nested/a?child.text=b"],
  ])("cannot set what %s sets", async (_name, path) => {
    await check({ path, status: 400 });
  });
  it("cannot set what the body sets", () => check({ path: "/v1/echo?text=a", init: json({}), status: 400 }));
  it("is appended to a list of the body", () =>
    check({ path: "/v1/echo/texts?texts=c", init: json(["a", "b"]), body: ["a", "b", "c"] }));
  it("does not overwrite a field in the body", () =>
    check({ path: "/v1/echo/child?child.text=b", init: json({ text: "a" }), status: 400 }));
  it("adds to a message in the body", () =>
    check({
      path: "/v1/echo/child?child.between=b",
      init: json({ text: "a" }),
      body: { child: { text: "a", between: "b" } },
    }));
});

describe("a lenient dialect", () => {
  let lenient: Gateway;
  beforeAll(async () => {
    lenient = await openGateway({
      implementation: echo,
      dialect: {
        unknownFields: "ignore",
        unknownQuery: "ignore",
        fieldNames: "json",
        printDefaults: true,
        extraContentTypes: ["application/x-www-form-urlencoded"],
      },
    });
  });
  afterAll(() => lenient.close());
  it("passes over unknown parameters and members", async () => {
    expect((await lenient.fetch("/v1/echo?nobody=1")).status).toBe(200);
    expect((await lenient.fetch("/v1/echo?text=a", json({ nobody: 1 }))).status).toBe(200);
  });
  it("still refuses to overwrite the path", async () => {
    expect((await lenient.fetch("/v1/echo/text/a?text=b")).status).toBe(400);
  });
  it("prints camelCase and zeros", async () => {
    const reply = await lenient.fetch("/v1/echo/only/child?child.int32_value=1");
    expect(await reply.json()).toMatchObject({ int32Value: 1, boolValue: false, texts: [], labels: {} });
  });
  it("reads the content types that it names", async () => {
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const reply = await lenient.fetch("/v1/echo", { method: "POST", headers: form, body: '{"text":"a"}' });
    expect(await reply.json()).toMatchObject({ text: "a" });
  });
});

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
