import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/core/canonical-json.js";
import { hashCall, parseArguments } from "../../src/engine/tool-arguments.js";

const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;

describe("parseArguments", () => {
  it.each([
    ["", {}],
    [" \n", {}],
    ["{}", {}],
    ['{"a":[1,null,"x"]}', { a: [1, null, "x"] }],
    ['{"constructor":{"prototype":1}}', { constructor: { prototype: 1 } }],
  ])("takes %j", (json, object) => {
    expect(parseArguments(json)).toEqual({ object });
  });

  it.each([
    "{",
    "[1]",
    "null",
    "1",
    '"text"',
    "{'a':1}",
    '{"a":1e999}',
    '{"a":[-1e999]}',
    '{"__proto__":{"x":1}}',
    '{"a":[{"__proto__":1}]}',
    deep(100),
  ])("does not take %s", (json) => {
    expect(parseArguments(json)).toEqual({ invalid: json });
  });

  it("keeps the beginning of a text that is too long", () => {
    const parsed = parseArguments(`{"a":"${"x".repeat(1024 * 1024)}"}`);
    expect(parsed).toEqual({ invalid: `{"a":"${"x".repeat(1024 * 1024 - 6)}` });
  });

  it("does not overflow the stack", () => {
    expect(parseArguments(deep(200_000).slice(0, 1024 * 1024))).toHaveProperty("invalid");
    expect(parseArguments(deep(100_000))).toHaveProperty("invalid");
  });
});

describe("canonicalJson", () => {
  // The example of RFC 8785, 3.2.2, but for its numbers' other spelling.
  it.each([
    [{ b: 1, a: [true, { d: null, c: "é" }] }, '{"a":[true,{"c":"é","d":null}],"b":1}'],
    [{ "\u20ac": 1, "\r": 2, "1": 3, "\u{1f600}": 4 }, '{"\\r":2,"1":3,"€":1,"\u{1f600}":4}'],
    [[56.0, 4.5, 2e-3, 1e21, -0], "[56,4.5,0.002,1e+21,0]"],
  ])("writes %j", (value, expected) => {
    expect(canonicalJson(value)).toBe(expected);
  });

  it("says the same of equal objects, in whatever order their members are", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

it("hashes the name and the arguments", () => {
  const expected = createHash("sha256").update('["bash",{"command":"ls"}]').digest("hex");
  expect(hashCall("bash", { command: "ls" })).toBe(expected);
  expect(hashCall("read", { command: "ls" })).not.toBe(expected);
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
