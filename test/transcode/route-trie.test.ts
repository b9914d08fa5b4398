import { describe, expect, it } from "vitest";
import { decodeSegment, decodeSegments } from "../../src/transcode/path-codec.js";
import { parsePathTemplate } from "../../src/transcode/path-template.js";
import { RouteTrie } from "../../src/transcode/route-trie.js";

function trieOf(...templates: string[]): RouteTrie<string> {
  const trie = new RouteTrie<string>();
  for (const template of templates) trie.add("GET", parsePathTemplate(template), template);
  return trie;
}

const firstOf = (trie: RouteTrie<string>, path: string) => trie.match(path)?.leaves[0]?.get("GET");

describe("RouteTrie", () => {
  const trie = trieOf(
    "/foo/bar/baz/buzz",
    "/foo/bar/{name}",
    "/foo/bar/{name=**}",
    "/foo/bar/baz/{id}/end",
    "/a:verb",
    "/{x}:verb",
    "/{x}/{y}",
    "/items/{item}",
    "/items/{item}:stop",
    "/tree/**",
    "/%2A/literal",
  );
  it.each([
    ["/foo/bar/baz/buzz", "/foo/bar/baz/buzz"],
    ["/foo/bar/qux", "/foo/bar/{name}"],
    ["/foo/bar/baz", "/foo/bar/{name}"],
    ["/foo/bar/baz/123", "/foo/bar/{name=**}"],
    ["/foo/bar/baz/123/buzz", "/foo/bar/{name=**}"],
    ["/foo/bar/baz/buzz/end", "/foo/bar/baz/{id}/end"],
    ["/foo/bar/b%61z/buzz", "/foo/bar/baz/buzz"],
    ["/a:verb", "/a:verb"],
    ["/b:verb", "/{x}:verb"],
    ["/b:c:verb", "/{x}:verb"],
    ["/items/1:stop", "/items/{item}:stop"],
    ["/items/1:go", "/items/{item}"],
    ["/items/1%3Astop", "/items/{item}"],
    ["/items/bar:123", "/items/{item}"],
    ["/x/llama3:8b", "/{x}/{y}"],
    ["/tree", "/tree/**"],
    ["/tree/a/b", "/tree/**"],
    ["/*/literal", "/%2A/literal"],
    ["/%2a/literal", "/%2A/literal"],
    ["/foo", undefined],
    ["/foo/", undefined],
    ["/", undefined],
    ["", undefined],
    ["*", undefined],
    ["foo/bar/qux", undefined],
    ["/:verb", undefined],
    ["/a:verb:sub", undefined],
    ["/items/1/", undefined],
    ["/tree//a", undefined],
    ["/items//1", undefined],
    ["/x/y/z", undefined],
    ["http://host/items/1", undefined],
  ])("%s leads to %s", (path, template) => {
    expect(firstOf(trie, path)).toBe(template);
  });

  it("survives 10,000 segments", () => {
    expect(firstOf(trie, `/tree${"/a".repeat(10_000)}`)).toBe("/tree/**");
    expect(firstOf(trie, "/".repeat(10_000))).toBeUndefined();
    expect(firstOf(trie, `/foo/bar${"/a:b".repeat(10_000)}`)).toBe("/foo/bar/{name=**}");
  });

  it("names the binding that a path already has", () => {
    const taken = trie.add("GET", parsePathTemplate("/items/{other}"), "other");
    expect(taken).toBe("/items/{item}");
    expect(trie.add("POST", parsePathTemplate("/items/{other}"), "other")).toBeUndefined();
  });
});

describe("decodeSegment", () => {
  it("brings back every ASCII character", () => {
    for (let code = 0; code < 128; code++) {
      const escaped = `%${code.toString(16).padStart(2, "0")}`;
      expect(decodeSegment(escaped)).toBe(String.fromCharCode(code));
      expect(decodeSegment(escaped.toUpperCase())).toBe(String.fromCharCode(code));
    }
  });
  it.each([
    ["p%20q%2Fr+", "p q/r+"],
    ["%F0%9F%98%80", "😀"],
  ])("%s is %s", (raw, text) => {
    expect(decodeSegment(raw)).toBe(text);
  });
  it.each(["%", "%1", "%zz", "a%2", "%ff", "%c3%28"])("refuses %s", (raw) => {
    expect(() => decodeSegment(raw)).toThrow("escape");
  });
});

describe("decodeSegments", () => {
  it.each([
    [["p", "foo%20foo", "q", "bar%2Fbar"], "p/foo foo/q/bar%2Fbar"],
    [["a%2fb"], "a%2fb"],
    [[], ""],
  ])("%j is %s", (raw, text) => {
    expect(decodeSegments(raw)).toBe(text);
  });
});
