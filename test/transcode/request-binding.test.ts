import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Case, Gateway } from "./gateway.js";
import { checkReply, echo, json, openGateway } from "./gateway.js";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await openGateway({ implementation: echo });
});
afterAll(() => gateway.close());

const check = (given: Case): Promise<void> => checkReply(gateway, given);

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
