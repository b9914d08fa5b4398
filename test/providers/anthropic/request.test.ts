import { describe, expect, it } from "vitest";
import { ToolCallStatus } from "../../../gen/agentry/v1/message_pb.js";
import { toAnthropicRequest } from "../../../src/providers/anthropic/request.js";
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

const ephemeral = { cache_control: { type: "ephemeral" } };
const messagesOf = (...messages: ReturnType<typeof user>[]) =>
  toAnthropicRequest(modelRequest({ messages })).messages;

describe("a history for Anthropic", () => {
  it.each([
    {
      name: "merges neighbours and marks the end for the cache",
      messages: [user(text("a")), user(text("b"))],
      expected: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b", ...ephemeral },
          ],
        },
      ],
    },
    {
      name: "drops empty texts and empty answers",
      messages: [user(text("a"), text(" \n")), assistant(text("")), assistant(), user(text("b"))],
      expected: [
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b", ...ephemeral },
          ],
        },
      ],
    },
    {
      name: "keeps an empty question",
      messages: [user(text(""))],
      expected: [{ role: "user", content: [{ type: "text", text: "(empty message)", ...ephemeral }] }],
    },
    {
      name: "keeps reasoning that is proven",
      messages: [
        user(text("a")),
        assistant(
          reasoning({ text: "hm", signature: "s" }),
          reasoning({ text: "lost" }),
          reasoning({ redacted: "r" }),
          text("b"),
        ),
      ],
      expected: [
        { role: "user", content: [{ type: "text", text: "a", ...ephemeral }] },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "s" },
            { type: "redacted_thinking", data: "r" },
            { type: "text", text: "b" },
          ],
        },
      ],
    },
    {
      name: "answers calls, failures marked, results before what the user says",
      messages: [
        user(text("a")),
        assistant(call("toolu_1"), brokenCall("toolu_2")),
        tool(result("toolu_1", "out"), result("toolu_2", "bad", ToolCallStatus.FAILED)),
        user(text("b")),
      ],
      expected: [
        { role: "user", content: [{ type: "text", text: "a" }] },
        {
          role: "assistant",
          content: [
            { type: "tool_use", id: "toolu_1", name: "read", input: { path: "a" } },
            { type: "tool_use", id: "toolu_2", name: "read", input: {} },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text: "out" }] },
            {
              type: "tool_result",
              tool_use_id: "toolu_2",
              content: [{ type: "text", text: "bad" }],
              is_error: true,
            },
            { type: "text", text: "b", ...ephemeral },
          ],
        },
      ],
    },
    {
      name: "shows images, documents and files",
      messages: [
        user(
          blob("image/png"),
          blob("application/pdf", "a.pdf"),
          blob("text/plain", "a.txt", Buffer.from("hi")),
          blob("video/mp4", "v"),
        ),
      ],
      expected: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw==" } },
            {
              type: "document",
              title: "a.pdf",
              source: { type: "base64", media_type: "application/pdf", data: "iVBORw==" },
            },
            { type: "text", text: "a.txt:\nhi" },
            { type: "text", text: "[v: 4 bytes of video/mp4, not shown]", ...ephemeral },
          ],
        },
      ],
    },
    {
      name: "shows an image that a tool returned, and a result without output",
      messages: [
        user(text("a")),
        assistant(call("1")),
        tool(result("1", "", ToolCallStatus.SUCCEEDED, true), result("2", "")),
      ],
      expected: [
        { role: "user", content: [{ type: "text", text: "a" }] },
        { role: "assistant", content: [{ type: "tool_use", id: "1", name: "read", input: { path: "a" } }] },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "1",
              content: [
                { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw==" } },
              ],
            },
            { type: "tool_result", tool_use_id: "2", ...ephemeral },
          ],
        },
      ],
    },
  ])("$name", ({ messages, expected }) => {
    expect(messagesOf(...messages)).toEqual(expected);
  });

  it("sanitises ids and names, calls and results alike", () => {
    const odd = "call:1/ü".repeat(20);
    const sent = messagesOf(
      user(text("a")),
      assistant(call(odd, "my tool!"), call(`${odd}x`, "")),
      tool(result(odd, "o"), result(`${odd}x`, "o")),
    );
    const ids =
      JSON.stringify(sent)
        .match(/"(?:tool_use_id|id)":"[^"]*"/g)
        ?.map((entry) => entry.split('"')[3] ?? "") ?? [];
    expect(ids).toHaveLength(4);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(ids.slice(0, 2)).toEqual(ids.slice(2));
    expect(ids[0]).not.toBe(ids[1]);
    expect(JSON.stringify(sent)).toContain('"name":"my_tool_"');
    expect(JSON.stringify(sent)).toContain('"name":"unknown"');
  });
});

describe("a request to Anthropic", () => {
  const input = { type: "object", properties: { a: { type: "string" } } };
  it("marks system and tools for the cache, and passes schemas on", () => {
    const tools = ["a", "b"].map((name) => ({ name, description: `does ${name}`, inputSchema: input }));
    const body = toAnthropicRequest(modelRequest({ tools, outputSchema: { type: "object" } }));
    expect(body.system).toEqual([{ type: "text", text: "You are helpful.", ...ephemeral }]);
    expect(body.tools).toEqual([
      { name: "a", description: "does a", input_schema: input },
      { name: "b", description: "does b", input_schema: input, ...ephemeral },
    ]);
    expect(body.output_config).toEqual({ format: { type: "json_schema", schema: { type: "object" } } });
    expect(JSON.stringify(body).match(/cache_control/g)).toHaveLength(3);
  });

  it("leaves out what is not asked for", () => {
    const body = toAnthropicRequest(modelRequest({ system: " " }));
    expect(Object.keys(body).sort()).toEqual(["max_tokens", "messages", "model", "stream"]);
  });

  const enabled = (budget_tokens: number) => ({ type: "enabled", budget_tokens });
  const adaptive = { type: "adaptive", display: "summarized" };
  it.each([
    {
      name: "the model's own limit",
      given: { model: "claude-sonnet-4-0" },
      expected: { max_tokens: 64_000 },
    },
    { name: "a model nobody knows", given: { model: "other" }, expected: { max_tokens: 8192 } },
    { name: "a limit", given: { model: "claude-sonnet-4-0", maxTokens: 5 }, expected: { max_tokens: 5 } },
    {
      name: "sampling",
      given: { model: "claude-sonnet-4-0", temperature: 0.5, topP: 0.9 },
      expected: { temperature: 0.5, top_p: undefined },
    },
    { name: "top_p alone", given: { model: "claude-sonnet-4-0", topP: 0.9 }, expected: { top_p: 0.9 } },
    {
      name: "no sampling where it is refused",
      given: { model: "claude-opus-5", temperature: 0.5 },
      expected: { temperature: undefined },
    },
    {
      name: "no sampling of a model newer than the catalogue",
      given: { model: "claude-sonnet-9", temperature: 0.5 },
      expected: { temperature: undefined },
    },
    {
      name: "reasoning",
      given: { model: "claude-sonnet-4-5", reasoningTokens: 4000, temperature: 1 },
      expected: { max_tokens: 64_000, thinking: enabled(4000), temperature: undefined },
    },
    {
      name: "too little reasoning",
      given: { model: "claude-sonnet-4-5", reasoningTokens: 1 },
      expected: { thinking: enabled(1024) },
    },
    {
      name: "reasoning beyond the limit",
      given: { model: "claude-sonnet-4-5", reasoningTokens: 9000, maxTokens: 5000 },
      expected: { max_tokens: 5000, thinking: enabled(4999) },
    },
    {
      name: "no room for reasoning",
      given: { model: "claude-sonnet-4-5", reasoningTokens: 9000, maxTokens: 1000, temperature: 0 },
      expected: { max_tokens: 1000, thinking: undefined, temperature: 0 },
    },
    {
      name: "room made for reasoning",
      given: { model: "other", reasoningTokens: 20_000 },
      expected: { max_tokens: 28_192, thinking: enabled(20_000) },
    },
    {
      name: "a model that decides itself",
      given: { model: "claude-opus-5-20260301", reasoningTokens: 4000 },
      expected: { thinking: adaptive },
    },
    {
      name: "a model newer than the catalogue",
      given: { model: "claude-sonnet-9", reasoningTokens: 4000 },
      expected: { thinking: adaptive },
    },
    {
      name: "a model that does not reason",
      given: { model: "claude-3-haiku-20240307", reasoningTokens: 4000 },
      expected: { thinking: undefined },
    },
  ])("takes $name", ({ given, expected }) => {
    const { max_tokens, thinking, temperature, top_p } = toAnthropicRequest(modelRequest(given));
    expect({ max_tokens, thinking, temperature, top_p }).toMatchObject(expected);
  });

  it("does not begin to reason in the middle of a round of tools", () => {
    const model = "claude-sonnet-4-5";
    const round = [user(text("a")), assistant(call("1")), tool(result("1", "o"))];
    expect(
      toAnthropicRequest(modelRequest({ model, reasoningTokens: 2000, messages: round })).thinking,
    ).toBeUndefined();
    const begun = [
      user(text("a")),
      assistant(reasoning({ text: "h", signature: "s" }), call("1")),
      tool(result("1", "o")),
    ];
    expect(
      toAnthropicRequest(modelRequest({ model, reasoningTokens: 2000, messages: begun })).thinking,
    ).toEqual(enabled(2000));
  });
});
