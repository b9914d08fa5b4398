import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { checkAnswer } from "../../src/engine/check-answer.js";

const schema: JsonObject = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 2, maxLength: 4 },
    age: { type: "integer", minimum: 0, maximum: 150 },
    weight: { type: "number" },
    agreed: { type: "boolean" },
    color: { type: "string", enum: ["red", "blue"] },
    size: { type: "string", oneOf: [{ const: "s", title: "Small" }, { const: "l" }] },
    mail: { type: "string", format: "email" },
    site: { type: "string", format: "uri" },
    day: { type: "string", format: "date" },
    at: { type: "string", format: "date-time" },
    tags: { type: "array", minItems: 1, maxItems: 2, items: { type: "string", enum: ["a", "b"] } },
    marks: { type: "array", items: { anyOf: [{ const: "x" }, { const: "y" }] } },
    odd: { type: "other", format: "other", pattern: "(a+)+$" },
    none: 1,
  },
  required: ["name"],
};

describe("an answer that fits", () => {
  it.each([
    {},
    { name: "Anne" },
    { name: "😀😀😀😀" },
    { age: 0 },
    { age: 150, weight: 0.5, agreed: false },
    { color: "blue", size: "l" },
    { mail: "a@b.test", site: "https://a.test/x", day: "2024-02-29", at: "2026-01-01T00:00:00.5+02:00" },
    { tags: ["a", "b"], marks: ["y", "y"], marksOther: 1 },
    { odd: `${"a".repeat(50)}!`, none: 1, extra: null },
  ])("%j", (members) => {
    expect(() => checkAnswer(schema, { name: "Ann", ...members })).not.toThrow();
  });
});

describe("an answer that does not fit names the member", () => {
  it.each([
    [{ name: 1 }, "name", /not of the type string/],
    [{ name: null }, "name", /not of the type string/],
    [{ name: "a" }, "name", /less than 2/],
    [{ name: "abcde" }, "name", /more than 4/],
    [{ age: "40" }, "age", /type integer/],
    [{ age: 1.5 }, "age", /type integer/],
    [{ age: -1 }, "age", /less than 0/],
    [{ age: 151 }, "age", /more than 150/],
    [{ weight: true }, "weight", /type number/],
    [{ agreed: "yes" }, "agreed", /type boolean/],
    [{ color: "Red" }, "color", /none of "red", "blue"/],
    [{ size: "m" }, "size", /none of "s", "l"/],
    [{ mail: "a" }, "mail", /format email/],
    [{ site: "a b" }, "site", /format uri/],
    [{ day: "2023-02-29" }, "day", /format date/],
    [{ at: "2026-01-01" }, "at", /format date-time/],
    [{ tags: [] }, "tags", /less than 1/],
    [{ tags: ["a", "a", "a"] }, "tags", /more than 2/],
    [{ tags: ["a", "c"] }, "tags[1]", /none of/],
    [{ tags: "a" }, "tags", /type array/],
    [{ marks: ["z"] }, "marks[0]", /none of/],
  ] as const)("%j", (members, name, why) => {
    const fault = { reason: "invalid", message: why, detail: { metadata: { field: `content.${name}` } } };
    expect(thrownBy({ name: "Ann", ...members } as JsonObject)).toMatchObject({
      ...fault,
      message: expect.stringMatching(why),
    });
  });

  it("that is missing, or inherited, or not asked for", () => {
    expect(thrownBy({})).toMatchObject({ message: "content.name is required" });
    const inherited = { required: ["toString"] };
    expect(thrownBy({}, inherited)).toMatchObject({ message: "content.toString is required" });
    const closed = { properties: {}, additionalProperties: false };
    expect(thrownBy({ x: 1 }, closed)).toMatchObject({ message: "content.x is not asked for" });
    expect(thrownBy({ x: 1 }, {})).toBeUndefined();
  });

  it("without the value, and briefly", () => {
    const name = "n".repeat(1_000);
    const fault = thrownBy({ [name]: "s3cret" }, { properties: { [name]: { type: "number" } } });
    expect(fault).toMatchObject({ message: `content.${"n".repeat(100)}… is not of the type number` });
  });
});

function thrownBy(content: JsonObject, by: JsonObject = schema): unknown {
  try {
    checkAnswer(by, content);
    return undefined;
  } catch (error) {
    return error;
  }
}
