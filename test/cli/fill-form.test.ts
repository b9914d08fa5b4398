import { expect, it } from "vitest";
import { fillForm } from "../../src/cli/fill-form.js";

const properties = {
  color: { type: "string", title: "Co\u001blor", enum: ["red", "blue"] },
  size: { type: "integer" },
  part: { type: "number" },
  gift: { type: "boolean" },
};
const form = { type: "object", properties, required: ["color"] };

it.each([
  { name: "consent", schema: undefined, lines: ["y"], answer: {} },
  { name: "no consent", schema: undefined, lines: [""], answer: undefined },
  {
    name: "values of their types",
    schema: form,
    lines: ["blue", "3", "0.5", "no"],
    answer: { color: "blue", size: 3, part: 0.5, gift: false },
  },
  {
    name: "each value again until it fits",
    schema: form,
    lines: ["green", " red ", "x", "1.5", "2", "Infinity", "1", "maybe", "yes"],
    answer: { color: "red", size: 2, part: 1, gift: true },
  },
  { name: "what is left out", schema: form, lines: ["red", "", "", ""], answer: { color: "red" } },
  { name: "that something required is left out", schema: form, lines: [""], answer: undefined },
  {
    name: "a name that objects have already",
    schema: { type: "object", properties: JSON.parse('{"__proto__":{"type":"string"}}') },
    lines: ["x"],
    answer: JSON.parse('{"__proto__":"x"}'),
  },
])("takes $name", async ({ schema, lines, answer }) => {
  const left = [...lines];
  const asked: string[] = [];
  const ask = async (question: string) => {
    asked.push(question);
    return left.shift() ?? "";
  };
  const filled = await fillForm(schema, ask);
  expect(JSON.stringify(filled)).toBe(JSON.stringify(answer));
  expect(left).toEqual([]);
  if (schema === form) expect(asked[0]).toBe("  Co␛lor (red, blue; nothing declines): ");
});
