import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StopReason } from "../../../gen/agentry/v1/message_pb.js";
import type { ModelProvider } from "../../../src/core/model-provider.js";
import type { FakeUpstream, NamedEvent } from "../../support/fake-upstream.js";
import { anthropicStream, sseEvent, startFakeUpstream } from "../../support/fake-upstream.js";
import { answerText, collect, modelRequest, openRegistry, shape } from "../open-registry.js";

let upstream: FakeUpstream;
let provider: ModelProvider;
beforeAll(async () => {
  upstream = await startFakeUpstream();
  provider = await openRegistry({
    secrets: { anthropic: { origin: upstream.url, baseUrl: upstream.url } },
  }).get("anthropic");
});
afterAll(() => upstream.close());

async function read(body: string) {
  upstream.answer({ body });
  return await collect(
    provider.stream(modelRequest({ model: "claude-haiku-4-5" }), new AbortController().signal),
  );
}

const start = (usage: unknown = { input_tokens: 3, output_tokens: 1 }): NamedEvent => ({
  type: "message_start",
  message: { usage },
});
const block = (index: number, content: object): NamedEvent => ({
  type: "content_block_start",
  index,
  content_block: content,
});
const text = (index: number, part: string): NamedEvent => ({
  type: "content_block_delta",
  index,
  delta: { type: "text_delta", text: part },
});
const json = (index: number, part: string): NamedEvent => ({
  type: "content_block_delta",
  index,
  delta: { type: "input_json_delta", partial_json: part },
});
const tool = (index: number, id: string, input: object = {}) =>
  block(index, { type: "tool_use", id, name: "read", input });
const stop = (index: number): NamedEvent => ({ type: "content_block_stop", index });
const end = (reason = "end_turn", usage: unknown = { output_tokens: 2 }): NamedEvent[] => [
  { type: "message_delta", delta: { stop_reason: reason }, usage },
  { type: "message_stop" },
];

describe("Anthropic's events", () => {
  it.each([
    {
      name: "reasoning with its signature, and encrypted reasoning",
      events: [
        start(),
        block(0, { type: "thinking", thinking: "", signature: "" }),
        { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
        { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s1" } },
        stop(0),
        block(1, { type: "redacted_thinking", data: "opaque" }),
        stop(1),
        block(2, { type: "text", text: "" }),
        text(2, "ok"),
        stop(2),
        ...end(),
      ],
      expected: [
        { type: "reasoning_started", index: 0 },
        { type: "reasoning_delta", index: 0, text: "hm" },
        { type: "reasoning_finished", index: 0, text: "hm", signature: "s1", redacted: "" },
        { type: "reasoning_started", index: 1 },
        { type: "reasoning_finished", index: 1, text: "", signature: "", redacted: "opaque" },
        { type: "text_started", index: 2 },
        { type: "text_delta", index: 2, text: "ok" },
        { type: "text_finished", index: 2, text: "ok" },
      ],
    },
    {
      name: "reasoning that is not shown but signed",
      events: [
        start(),
        block(0, { type: "thinking", thinking: "", signature: "" }),
        { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s1" } },
        stop(0),
        ...end(),
      ],
      expected: [
        { type: "reasoning_started", index: 0 },
        { type: "reasoning_finished", index: 0, text: "", signature: "s1", redacted: "" },
      ],
    },
    {
      name: "a tool without arguments",
      events: [start(), tool(0, "a"), json(0, ""), stop(0), ...end("tool_use")],
      expected: [
        { type: "tool_input_started", index: 0, toolCallId: "a", name: "read" },
        { type: "tool_input_finished", index: 0, name: "read", json: "" },
      ],
    },
    {
      name: "a tool whose arguments come with its start",
      events: [start(), tool(0, "a", { x: 1 }), stop(0), ...end("tool_use")],
      expected: [
        { type: "tool_input_started", index: 0, toolCallId: "a", name: "read" },
        { type: "tool_input_delta", index: 0, json: '{"x":1}' },
        { type: "tool_input_finished", index: 0, name: "read", json: '{"x":1}' },
      ],
    },
    {
      name: "arguments that are no JSON, said to the end",
      events: [start(), tool(0, "a"), json(0, '{"x":'), stop(0), ...end("tool_use")],
      expected: [
        { type: "tool_input_started", index: 0, toolCallId: "a", name: "read" },
        { type: "tool_input_delta", index: 0, json: '{"x":' },
        { type: "tool_input_finished", index: 0, name: "read", json: '{"x":' },
      ],
    },
    {
      name: "tool inputs that interleave, under one id",
      events: [
        start(),
        tool(0, "a"),
        tool(1, "a"),
        json(1, '{"y"'),
        json(0, '{"x":1}'),
        json(1, ":2}"),
        stop(1),
        stop(0),
        ...end("tool_use"),
      ],
      expected: [
        { type: "tool_input_started", index: 0, toolCallId: "a", name: "read" },
        { type: "tool_input_started", index: 1, toolCallId: "", name: "read" },
        { type: "tool_input_delta", index: 1, json: '{"y"' },
        { type: "tool_input_delta", index: 0, json: '{"x":1}' },
        { type: "tool_input_delta", index: 1, json: ":2}" },
        { type: "tool_input_finished", index: 1, name: "read", json: '{"y":2}' },
        { type: "tool_input_finished", index: 0, name: "read", json: '{"x":1}' },
      ],
    },
    {
      name: "an index that is used twice",
      events: [start(), tool(0, "a"), json(0, "{}"), tool(0, "b"), json(0, '{"b":1}'), ...end("tool_use")],
      expected: [
        { type: "tool_input_started", index: 0, toolCallId: "a", name: "read" },
        { type: "tool_input_delta", index: 0, json: "{}" },
        { type: "tool_input_finished", index: 0, name: "read", json: "{}" },
        { type: "tool_input_started", index: 1, toolCallId: "b", name: "read" },
        { type: "tool_input_delta", index: 1, json: '{"b":1}' },
        { type: "tool_input_finished", index: 1, name: "read", json: '{"b":1}' },
      ],
    },
    {
      name: "deltas without a start, starts without an end, kinds it does not know",
      events: [
        { type: "from_the_future", index: 3 },
        text(0, "a"),
        json(7, "{}"),
        block(1, { type: "server_tool_use", id: "x", name: "web_search" }),
        json(1, "{}"),
        { type: "content_block_delta", index: 0, delta: { type: "citations_delta", citation: {} } },
        ...end(),
      ],
      expected: [
        { type: "text_started", index: 0 },
        { type: "text_delta", index: 0, text: "a" },
        { type: "text_finished", index: 0, text: "a" },
      ],
    },
    {
      name: "events without their members",
      events: [
        { type: "message_start" },
        { type: "content_block_start" },
        { type: "content_block_delta", index: "0" },
        { type: "content_block_stop" },
        { type: "message_delta" },
        { type: "message_stop" },
      ],
      expected: [],
    },
  ])("are read: $name", async ({ events, expected }) => {
    const result = await read(anthropicStream(...(events as NamedEvent[])));
    expect(result.error).toBeUndefined();
    expect(result.events.slice(0, -1)).toEqual(expected);
    expect(result.events.at(-1)?.type).toBe("finish");
  });

  it.each(["max_tokens", "refusal", "model_context_window_exceeded"])(
    "leave a tool input open that %s cut",
    async (reason) => {
      const cut = await read(
        anthropicStream(
          start(),
          tool(0, "a"),
          json(0, '{"x":'),
          stop(0),
          tool(1, "b"),
          stop(1),
          ...end(reason),
        ),
      );
      expect(shape(cut.events)).toEqual(["tool_input_started", "tool_input_started", "finish"]);
    },
  );

  it.each([
    { reason: "end_turn", expected: StopReason.END },
    { reason: "stop_sequence", expected: StopReason.END },
    { reason: "max_tokens", expected: StopReason.MAX_TOKENS },
    { reason: "refusal", expected: StopReason.REFUSAL },
    { reason: "tool_use", expected: StopReason.END },
    { reason: "from_the_future", expected: StopReason.END },
  ])("stop for $reason", async ({ reason, expected }) => {
    const { events } = await read(anthropicStream(start(), text(0, "a"), ...end(reason)));
    expect(events.at(-1)).toMatchObject({ type: "finish", stopReason: expected });
  });

  it.each([
    {
      name: "missing",
      first: null,
      last: null,
      usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
    },
    {
      name: "negative",
      first: { input_tokens: -5, output_tokens: -1 },
      last: { output_tokens: -2 },
      usage: { inputTokens: 0, outputTokens: 0 },
    },
    {
      name: "of the wrong kind",
      first: { input_tokens: "5" },
      last: { output_tokens: null },
      usage: { inputTokens: 0, outputTokens: 0 },
    },
    {
      name: "absurd",
      first: { input_tokens: 1e300 },
      last: { output_tokens: 1.9 },
      usage: { inputTokens: 4_294_967_295, outputTokens: 1 },
    },
    {
      name: "corrected at the end",
      first: { input_tokens: 1 },
      last: {
        input_tokens: 9,
        output_tokens: 4,
        cache_read_input_tokens: 2,
        output_tokens_details: { thinking_tokens: 3 },
      },
      usage: { inputTokens: 9, outputTokens: 4, cacheReadTokens: 2, reasoningTokens: 3 },
    },
    {
      name: "priced",
      first: { input_tokens: 1_000_000, cache_read_input_tokens: 1_000_000 },
      last: { output_tokens: 1_000_000 },
      usage: { costUsd: 1 + 5 + 0.1 },
    },
  ])("tell usage: $name", async ({ first, last, usage }) => {
    const { events } = await read(anthropicStream(start(first), text(0, "a"), ...end("end_turn", last)));
    expect(events.at(-1)).toMatchObject({ type: "finish", usage });
  });

  it.each([
    {
      name: "a tool without a name",
      body: anthropicStream(start(), block(0, { type: "tool_use", id: "a" }), ...end()),
    },
    {
      name: "an event that is no JSON",
      body: anthropicStream(start()) + sseEvent("{nope") + anthropicStream(...end()),
    },
    {
      name: "no message_stop",
      body: anthropicStream(start(), text(0, "a"), stop(0), end()[0] as NamedEvent),
    },
    { name: "nothing at all", body: "" },
    { name: "JSON in place of events", body: '{"type":"message"}' },
  ])("fail and may be tried again: $name", async ({ body }) => {
    const { events, error } = await read(body);
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
    expect(events.some(({ type }) => type === "finish")).toBe(false);
  });

  it("may hold a line of 8 MB and not one of 10", async () => {
    const long = "x".repeat(7 * 1024 * 1024);
    expect(answerText((await read(anthropicStream(start(), text(0, long), ...end()))).events)).toBe(long);
    const { error } = await read(anthropicStream(start(), text(0, "x".repeat(10 * 1024 * 1024)), ...end()));
    expect(error).toMatchObject({
      reason: "unavailable",
      message: "Anthropic sent a line of more than 8 MiB",
      detail: { retryable: false },
    });
  });

  it("ignore what comes after the end", async () => {
    const { events, error } = await read(
      anthropicStream(start(), text(0, "a"), ...end(), text(0, "b"), ...end()),
    );
    expect(error).toBeUndefined();
    expect(answerText(events)).toBe("a");
    expect(events.filter(({ type }) => type === "finish")).toHaveLength(1);
  });

  it("may come with CR LF and a byte order mark", async () => {
    const body = `\ufeff${anthropicStream(start(), text(0, "a"), ...end())}`.replaceAll("\n", "\r\n");
    expect(answerText((await read(body)).events)).toBe("a");
  });
});
