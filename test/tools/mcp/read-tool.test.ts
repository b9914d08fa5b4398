import { describe, expect, it } from "vitest";
import { readTool } from "../../../src/tools/mcp/read-tool.js";

const inputSchema = { type: "object", properties: { a: { type: "string" } } };
const deep = (levels: number): object => (levels === 0 ? {} : { a: deep(levels - 1) });

describe("a tool as a server declares it", () => {
  it.each([
    ["nothing", undefined],
    ["a list", []],
    ["no name", { inputSchema }],
    ["an empty name", { name: "", inputSchema }],
    ["a long name", { name: "x".repeat(129), inputSchema }],
    ["no schema", { name: "a" }],
    ["a schema of something else", { name: "a", inputSchema: { type: "string" } }],
    [
      "an argument with an odd name",
      { name: "a", inputSchema: { type: "object", properties: { $top: {} } } },
    ],
    ["properties that are none", { name: "a", inputSchema: { type: "object", properties: [] } }],
    ["a deep schema", { name: "a", inputSchema: { ...inputSchema, $defs: deep(40) } }],
    ["a long declaration", { name: "a", inputSchema, annotations: { title: "x".repeat(70_000) } }],
  ])("is left out with %s", (_what, value) => {
    expect(readTool(value)).toBeUndefined();
  });

  it("is kept as it can be stored and shown", () => {
    const odd = {
      name: "a\ud800",
      description: "b",
      inputSchema: { ...inputSchema, x: Number.POSITIVE_INFINITY },
    };
    const value = { ...odd, icons: [{ src: "https://a.test/" }], _meta: { a: 1 } };
    expect(readTool(value)).toMatchObject({
      name: "a\ufffd",
      description: "b",
      declaration: { name: "a\ufffd", description: "b", inputSchema: { ...inputSchema, x: null } },
    });
    expect(Object.keys(readTool(value)!.declaration)).toEqual(["name", "description", "inputSchema"]);
    const proto = readTool(JSON.parse('{"name":"a","inputSchema":{"type":"object","__proto__":{"b":1}}}'));
    expect(JSON.stringify(proto?.declaration)).toBe('{"name":"a","inputSchema":{"type":"object"}}');
  });

  it("is shown without what a provider would refuse, and hashed with it", () => {
    const combined = { ...inputSchema, oneOf: [{ required: ["a"] }], allOf: [], anyOf: [] };
    const tool = readTool({ name: "a", inputSchema: combined });
    expect(tool?.inputSchema).toEqual(inputSchema);
    expect(tool?.declaration).toEqual({ name: "a", inputSchema: combined });
    expect(tool?.sha256).not.toBe(readTool({ name: "a", inputSchema })?.sha256);
  });

  it("has a description of bounded length", () => {
    const tool = readTool({ name: "a", description: "x".repeat(20_000), inputSchema });
    expect(tool?.description.length).toBeLessThan(8_100);
  });

  it.each([
    ["name", { name: "b" }],
    ["title", { title: "b" }],
    ["description", { description: "b" }],
    ["schema", { inputSchema: { type: "object" } }],
    ["output schema", { outputSchema: { type: "object" } }],
    ["annotations", { annotations: { destructiveHint: false } }],
  ])("has another hash with another %s", (_what, change) => {
    const tool = { name: "a", description: "a", inputSchema };
    expect(readTool({ ...tool, ...change })?.sha256).not.toBe(readTool(tool)?.sha256);
    const reordered = { inputSchema, description: "a", name: "a" };
    expect(readTool(reordered)?.sha256).toBe(readTool(tool)?.sha256);
  });
});
