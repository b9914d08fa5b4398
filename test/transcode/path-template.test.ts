import { describe, expect, it } from "vitest";
import { parsePathTemplate } from "../../src/transcode/path-template.js";

const literal = (text: string) => ({ kind: "literal", text });
const single = { kind: "single" };
const rest = { kind: "rest" };

describe("parsePathTemplate accepts", () => {
  it.each([
    [
      "/shelves/{shelf}/books/{book}",
      [literal("shelves"), single, literal("books"), single],
      ["shelf", "book"],
      "",
    ],
    ["/*", [single], [], ""],
    ["/**", [rest], [], ""],
    ["/a:foo", [literal("a")], [], "foo"],
    ["/*/a/**", [single, literal("a"), rest], [], ""],
    ["/a/{a.b.c}", [literal("a"), single], ["a.b.c"], ""],
    ["/a/{b=c/*}", [literal("a"), literal("c"), single], ["b"], ""],
    ["/a/{b=c/**}", [literal("a"), literal("c"), rest], ["b"], ""],
    [
      "/v1/{parent=shelves/*}/books",
      [literal("v1"), literal("shelves"), single, literal("books")],
      ["parent"],
      "",
    ],
    ["/v1:watch", [literal("v1")], [], "watch"],
    ["/v3/{name=events/*}:cancel", [literal("v3"), literal("events"), single], ["name"], "cancel"],
    ["/{_}", [single], ["_"], ""],
    ["/{a=**}:verb", [rest], ["a"], "verb"],
    ["/a%2fb", [literal("a/b")], [], ""],
    ["/a%2Fb", [literal("a/b")], [], ""],
    ["/%2A", [literal("*")], [], ""],
    ["/a~b@c$d", [literal("a~b@c$d")], [], ""],
  ])("%s", (source, segments, variables, verb) => {
    const template = parsePathTemplate(source);
    expect(template.segments).toEqual(segments);
    expect(template.variables.map(({ path }) => path)).toEqual(variables);
    expect(template.verb).toBe(verb);
  });

  it("says which segments a variable captures", () => {
    expect(parsePathTemplate("/a/{b=c/*/d}/{e}").variables).toEqual([
      { path: "b", start: 1, end: 4 },
      { path: "e", start: 4, end: 5 },
    ]);
  });
});

describe("parsePathTemplate refuses", () => {
  it.each([
    ["", "slash"],
    ["a/b", "slash"],
    ["/", "empty segment"],
    ["/a/", "empty segment"],
    ["//", "empty segment"],
    ["/a//b", "empty segment"],
    ["/{1}", "field path"],
    ["/{-}", "field path"],
    ["/{}", "field path"],
    ["/{field.1}", "field path"],
    ["/{a..b}", "field path"],
    ["/{a/b}", "field path"],
    ["/a?b", "not a segment"],
    ["/a b", "not a segment"],
    ["/a#b", "not a segment"],
    ["/foo/bar*", "not a segment"],
    ["/***", "not a segment"],
    ["/a/**/*", "last segment"],
    ["/a/**/**", "last segment"],
    ["/a/**/b", "last segment"],
    ["/a:foo/b", "not a segment"],
    ["/a:", "empty segment"],
    ["/:a", "empty segment"],
    ["/a:b:c", "not a segment"],
    ["/%1", "not a segment"],
    ["/%zz", "not a segment"],
    ["/%ff", "UTF-8"],
    ["/{a}/{a}", "twice"],
    ["/a{x=b/**}/{y=*}", "not a segment"],
    ["/{x=b/**}/{y=*}", "last segment"],
    ["/{x={y}}", "not a segment"],
    ["/{x", "brace"],
    ["/{x=}", "empty segment"],
    ["/{x}y", "brace"],
    ["/x}", "not a segment"],
  ])("%s", (source, reason) => {
    expect(() => parsePathTemplate(source)).toThrow(reason);
  });
});
