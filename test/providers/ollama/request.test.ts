import { describe, expect, it } from "vitest";
import { ToolCallStatus } from "../../../gen/agentry/v1/message_pb.js";
import { knownProviders } from "../../../src/providers/catalogue/providers.js";
import { toOllamaRequest } from "../../../src/providers/ollama/request.js";
import {
  assistant,
  blob,
  brokenCall,
  call,
  reasoning,
  result,
  text,
  tool,
  user,
} from "../history-fixture.js";
import { modelRequest } from "../open-registry.js";

const image = "iVBORw==";
const called = (input: object) => ({ function: { name: "read", arguments: input } });

describe("a history for Ollama", () => {
  it.each([
    {
      name: "is plain text",
      messages: [user(text("a"), text("b")), assistant(text("c"), text("d")), user(text("e"))],
      expected: [
        { role: "user", content: "a\nb" },
        { role: "assistant", content: "cd" },
        { role: "user", content: "e" },
      ],
    },
    {
      name: "drops empty answers, keeps empty questions",
      messages: [user(text(" ")), assistant(text(""), reasoning({ text: "hm" }))],
      expected: [{ role: "user", content: "(empty message)" }],
    },
    {
      name: "answers calls one by one, by the tool's name",
      messages: [
        user(text("a")),
        assistant(text("b"), call("1"), brokenCall("2")),
        tool(result("1", "out"), result("2", "bad", ToolCallStatus.FAILED)),
      ],
      expected: [
        { role: "user", content: "a" },
        { role: "assistant", content: "b", tool_calls: [called({ path: "a" }), called({})] },
        { role: "tool", tool_name: "read", content: "out" },
        { role: "tool", tool_name: "read", content: "bad" },
      ],
    },
    {
      name: "keeps the thoughts that led to calls",
      messages: [
        user(text("a")),
        assistant(reasoning({ text: "hm" }), call("1")),
        tool(result("1", "out")),
        assistant(reasoning({ text: "so" }), text("b")),
      ],
      expected: [
        { role: "user", content: "a" },
        { role: "assistant", content: "", thinking: "hm", tool_calls: [called({ path: "a" })] },
        { role: "tool", tool_name: "read", content: "out" },
        { role: "assistant", content: "b" },
      ],
    },
    {
      name: "shows images, also those of tools",
      messages: [
        user(text("a"), blob("image/png")),
        assistant(call("1")),
        tool(result("1", "out", ToolCallStatus.SUCCEEDED, true)),
      ],
      expected: [
        { role: "user", content: "a", images: [image] },
        { role: "assistant", content: "", tool_calls: [called({ path: "a" })] },
        { role: "tool", tool_name: "read", content: "out" },
        { role: "user", content: "What read returned:", images: [image] },
      ],
    },
    {
      name: "shows an image alone",
      messages: [user(blob("image/png"))],
      expected: [{ role: "user", content: "", images: [image] }],
    },
    {
      name: "tells of what it cannot show",
      messages: [user(blob("application/pdf", "a.pdf"), blob("text/plain", "b", Buffer.from("hey")))],
      expected: [{ role: "user", content: "[a.pdf: a PDF document, not shown]\nb:\nhey" }],
    },
    {
      name: "takes back a name that no tool can have",
      messages: [assistant(call("1", "read file!"))],
      expected: [
        {
          role: "assistant",
          content: "",
          tool_calls: [{ function: { name: "read_file_", arguments: { path: "a" } } }],
        },
      ],
    },
  ])("$name", ({ messages, expected }) => {
    expect(toOllamaRequest(modelRequest({ system: "", messages })).messages).toEqual(expected);
  });

  it("begins with the system prompt", () => {
    const { messages } = toOllamaRequest(modelRequest({ system: "Be brief." }));
    expect(messages[0]).toEqual({ role: "system", content: "Be brief." });
  });
});

describe("a request to Ollama", () => {
  const options = { num_ctx: 32_768 };
  const bare = { model: "m", stream: true, messages: [{ role: "user", content: "a" }], options };
  const schema = { type: "object", properties: { x: { type: "number" } } };

  it.each([
    { name: "holds nothing that was not asked for, but the context", given: {}, expected: {} },
    {
      name: "holds the options",
      given: { maxTokens: 100, temperature: 0, topP: 0.5 },
      expected: { options: { num_ctx: 32_768, num_predict: 100, temperature: 0, top_p: 0.5 } },
    },
    { name: "asks for reasoning", given: { reasoningTokens: 1000 }, expected: { think: true } },
    { name: "asks for none", given: { reasoningTokens: 0 }, expected: {} },
    {
      name: "tells GPT-OSS how hard to think",
      given: { model: "gpt-oss:20b", reasoningTokens: 4096 },
      expected: { model: "gpt-oss:20b", think: "medium" },
    },
    { name: "gives the form of the answer", given: { outputSchema: schema }, expected: { format: schema } },
    {
      name: "names the tools",
      given: { tools: [{ name: "read", description: "Reads.", inputSchema: schema }] },
      expected: {
        tools: [{ type: "function", function: { name: "read", description: "Reads.", parameters: schema } }],
      },
    },
  ])("$name", ({ given, expected }) => {
    const request = modelRequest({ model: "m", system: "", messages: [user(text("a"))], ...given });
    expect(toOllamaRequest(request)).toEqual({ ...bare, ...expected });
  });

  it("asks for the context that compaction counts with", () => {
    expect(toOllamaRequest(modelRequest()).options.num_ctx).toBe(knownProviders.get("ollama")?.contextWindow);
  });

  it.each(["", "  "])("needs a model, not %j", (model) => {
    expect(() => toOllamaRequest(modelRequest({ model }))).toThrow("Ollama has no default model: name one");
  });
});
