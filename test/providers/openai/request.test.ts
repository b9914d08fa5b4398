import { describe, expect, it } from "vitest";
import { ToolCallStatus } from "../../../gen/agentry/v1/message_pb.js";
import { knownProviders } from "../../../src/providers/catalogue/providers.js";
import { toChatRequest } from "../../../src/providers/openai/request.js";
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

const quirksOf = (id: string) => knownProviders.get(id)?.quirks ?? {};
const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw==" } };
const called = (id: string, json: string) => ({
  type: "function",
  id,
  function: { name: "read", arguments: json },
});

describe("a history for Chat Completions", () => {
  it.each([
    {
      name: "is plain text where it can be",
      messages: [user(text("a")), assistant(text("b"), text("c")), user(text("d"))],
      expected: [
        { role: "user", content: "a" },
        { role: "assistant", content: "bc" },
        { role: "user", content: "d" },
      ],
    },
    {
      name: "drops empty answers, keeps empty questions",
      messages: [user(text(" ")), assistant(text(""), reasoning({ text: "hm" }))],
      expected: [{ role: "user", content: "(empty message)" }],
    },
    {
      name: "answers calls one by one",
      messages: [
        user(text("a")),
        assistant(text("b"), call("1"), brokenCall("2")),
        tool(result("1", "out"), result("2", "bad", ToolCallStatus.FAILED)),
      ],
      expected: [
        { role: "user", content: "a" },
        { role: "assistant", content: "b", tool_calls: [called("1", '{"path":"a"}'), called("2", "{}")] },
        { role: "tool", tool_call_id: "1", content: "out" },
        { role: "tool", tool_call_id: "2", content: "bad" },
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
        { role: "user", content: [{ type: "text", text: "a" }, image] },
        { role: "assistant", content: null, tool_calls: [called("1", '{"path":"a"}')] },
        { role: "tool", tool_call_id: "1", content: "out" },
        { role: "user", content: [{ type: "text", text: "What read returned:" }, image] },
      ],
    },
  ])("$name", ({ messages, expected }) => {
    const body = toChatRequest(modelRequest({ messages }), {});
    expect(body.messages).toEqual([{ role: "system", content: "You are helpful." }, ...expected]);
  });

  it.each([
    {
      id: "openai",
      expected: [
        { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,iVBORw==" } },
      ],
    },
    { id: "groq", expected: "[a.pdf: a PDF document, not shown]" },
  ])("of $id takes documents as it can", ({ id, expected }) => {
    const messages = [user(blob("application/pdf", "a.pdf"))];
    expect(toChatRequest(modelRequest({ messages }), quirksOf(id)).messages[1]?.content).toEqual(expected);
  });

  it("of Mistral has ids of nine letters and digits", () => {
    const messages = [
      user(text("a")),
      assistant(call("toolu_0123456789"), call("abcdef123")),
      tool(result("toolu_0123456789", "o")),
    ];
    const [, , answer, answered] = JSON.parse(
      JSON.stringify(toChatRequest(modelRequest({ messages }), quirksOf("mistral")).messages),
    );
    expect(answer.tool_calls[0].id).toMatch(/^[a-z0-9]{9}$/);
    expect(answer.tool_calls[1].id).toBe("abcdef123");
    expect(answered.tool_call_id).toBe(answer.tool_calls[0].id);
  });

  it("of DeepSeek gives back the reasoning before a call", () => {
    const messages = [
      user(text("a")),
      assistant(reasoning({ text: "hm" }), call("1")),
      tool(result("1", "o")),
    ];
    const echoed = (id: string) => toChatRequest(modelRequest({ messages }), quirksOf(id)).messages[2];
    expect(echoed("deepseek")).toMatchObject({ reasoning_content: "hm" });
    expect(echoed("openai")).not.toHaveProperty("reasoning_content");
  });
});

describe("a request to Chat Completions", () => {
  it("leaves out what is not asked for", () => {
    expect(toChatRequest(modelRequest({ system: "" }), {})).toEqual({
      model: "some-model",
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: "What's 2+2?" }],
    });
  });

  it("passes schemas on unchanged", () => {
    const inputSchema = { type: "object", properties: { a: { type: "string", format: "uri" } } };
    const body = toChatRequest(modelRequest({ tools: [{ name: "a", description: "d", inputSchema }] }), {});
    expect(body.tools).toEqual([
      { type: "function", function: { name: "a", description: "d", parameters: inputSchema } },
    ]);
  });

  const closed = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  };
  it.each([
    { name: "closed", schema: closed, strict: true },
    { name: "open", schema: { type: "object", properties: {} }, strict: false },
    { name: "closed with an optional member", schema: { ...closed, required: [] }, strict: false },
    { name: "open within", schema: { ...closed, properties: { a: { type: "object" } } }, strict: false },
  ])("asks for an answer by a schema that is $name", ({ schema, strict }) => {
    const body = toChatRequest(modelRequest({ outputSchema: schema }), {});
    expect(body.response_format).toEqual({
      type: "json_schema",
      json_schema: { name: "answer", schema, strict },
    });
  });

  const asked = { maxTokens: 9, temperature: 0.5, topP: 0.9, reasoningTokens: 5000 };
  const plain = { max_tokens: 9, temperature: 0.5, top_p: 0.9 };
  it.each([
    { id: "openai", model: "gpt-4o", expected: plain },
    { id: "openai", model: "gpt-5-chat-latest", expected: plain },
    { id: "openai", model: "gpt-5-mini", expected: { max_completion_tokens: 9, reasoning_effort: "medium" } },
    { id: "openai", model: "o3", expected: { max_completion_tokens: 9, reasoning_effort: "medium" } },
    { id: "openai", model: "gpt-6-sol", expected: { max_completion_tokens: 9, reasoning_effort: "medium" } },
    { id: "groq", model: "openai/gpt-oss-120b", expected: plain },
    { id: "openrouter", model: "openai/gpt-5", expected: { ...plain, reasoning: { max_tokens: 5000 } } },
  ])("limits $model of $id", ({ id, model, expected }) => {
    const {
      messages: _,
      stream: __,
      stream_options: ___,
      ...rest
    } = toChatRequest(modelRequest({ model, ...asked }), quirksOf(id));
    expect(rest).toEqual({ model, ...expected });
  });
});
