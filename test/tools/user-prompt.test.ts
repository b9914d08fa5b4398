import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { ElicitationOutcome } from "../../src/core/tool.js";
import { userPromptTool } from "../../src/tools/user-prompt.js";
import { makeNotePlace } from "./note-place.js";

const ask = async (input: JsonObject, outcome?: ElicitationOutcome) => {
  const place = makeNotePlace(outcome);
  const output = await userPromptTool.run(input, place.context, new AbortController().signal);
  return { output, asked: place.asked };
};

const form = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: "object",
  properties,
  ...more,
});

const name = form({ name: { type: "string" } }, { required: ["name"] });

describe("user_prompt", () => {
  it("asks, and answers with what the user said", async () => {
    const input = { message: "Who?", title: "You", schema: name };
    const { output, asked } = await ask(input, { action: "accept", content: { name: "Ada" } });
    expect(asked).toEqual([{ message: "You\n\nWho?", requestedSchema: name }]);
    expect(output).toEqual({ text: '{"action":"accept","content":{"name":"Ada"}}', failed: false });
  });

  it("asks without a form", async () => {
    const { output, asked } = await ask({ message: "Go on?" }, { action: "accept" });
    expect(asked).toEqual([{ message: "Go on?" }]);
    expect(output).toEqual({ text: '{"action":"accept","content":{}}', failed: false });
  });

  it.each(["decline", "cancel", "expire"] as const)("fails on %s", async (action) => {
    const { output } = await ask({ message: "Go on?" }, { action });
    expect(output).toEqual({ text: `{"action":"${action}"}`, failed: true });
  });

  it("fails when the answer does not fit", async () => {
    const { output } = await ask({ message: "Who?", schema: name }, { action: "accept", content: {} });
    expect(output).toEqual({
      text: "the user's answer does not fit the schema: name is required",
      failed: true,
    });
  });

  it.each([
    form({ a: { type: "string", enum: ["x", "y"], enumNames: ["X", "Y"], title: "A" } }),
    form({ a: { type: "string", format: "email", minLength: 1, maxLength: 9, default: "" } }),
    form({ a: { type: "integer", minimum: 1, maximum: 2 }, b: { type: "boolean" }, c: { type: "number" } }),
    form({}),
  ])("takes the flat schema %j", async (schema) => {
    expect((await ask({ message: "?", schema })).asked).toHaveLength(1);
  });

  it.each([
    { type: "object" },
    { type: "array", items: { type: "string" } },
    form({ a: { type: "object", properties: {} } }),
    form({ a: { type: "array", items: { type: "string" } } }),
    form({ a: { type: ["string", "null"] } }),
    form({ a: { type: "string", pattern: "(a+)+$" } }),
    form({ a: { type: "string", enum: [1] } }),
    form({ a: { type: "number", enum: ["1"] } }),
    form({ a: { $ref: "#" } }),
    form({ a: true }),
    form({}, { required: ["toString"] }),
    form({}, { additionalProperties: false, allOf: [] }),
    form(Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`p${index}`, { type: "string" }]))),
    form({ a: { type: "string", description: "x".repeat(20_000) } }),
  ])("refuses the schema %j, and does not ask", async (schema) => {
    const { output, asked } = await ask({ message: "?", schema });
    expect(output.failed).toBe(true);
    expect(output.text).toContain("schema");
    expect(asked).toEqual([]);
  });

  it.each([{ message: " " }, { message: "x".repeat(10_001) }, { message: "x", title: "t".repeat(201) }])(
    "refuses an empty question, and one that is too long",
    async (input) => {
      const { output, asked } = await ask(input);
      expect(output.failed).toBe(true);
      expect(asked).toEqual([]);
    },
  );
});
