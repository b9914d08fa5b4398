import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StopReason } from "../../../gen/agentry/v1/message_pb.js";
import type { ModelEvent, ModelProvider } from "../../../src/core/model-provider.js";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { chatChunk, sseEvent, startFakeUpstream } from "../../support/fake-upstream.js";
import { answerText, collect, modelRequest, openRegistry, shape } from "../open-registry.js";

let upstream: FakeUpstream;
let provider: ModelProvider;
beforeAll(async () => {
  upstream = await startFakeUpstream();
  provider = await openRegistry({
    secrets: { openai: { origin: upstream.url, baseUrl: `${upstream.url}/v1` } },
  }).get("openai");
});
afterAll(() => upstream.close());

async function read(...body: string[]) {
  upstream.answer({ body: body.join("") });
  return await collect(provider.stream(modelRequest({ model: "gpt-4o" }), new AbortController().signal));
}

const done = sseEvent("[DONE]");
const usageChunk = (usage: unknown) => sseEvent({ choices: [], usage });
const calls = (...pieces: object[]) => chatChunk({ tool_calls: pieces });
const fn = (name: string | undefined, args: unknown, rest: object = {}) => ({
  ...rest,
  function: { ...(name === undefined ? {} : { name }), arguments: args },
});

function inputs(events: readonly ModelEvent[]): [string, string][] {
  return events.flatMap((event) => (event.type === "tool_input_finished" ? [[event.name, event.json]] : []));
}

function ids(events: readonly ModelEvent[]): string[] {
  return events.flatMap((event) => (event.type === "tool_input_started" ? [event.toolCallId] : []));
}

describe("tool calls of Chat Completions", () => {
  it.each([
    {
      name: "interleaved by index",
      chunks: [
        calls(fn("a", "", { index: 0, id: "1" }), fn("b", "", { index: 1, id: "2" })),
        calls(fn(undefined, '{"y":', { index: 1 })),
        calls(fn(undefined, '{"x":1}', { index: 0 }), fn(undefined, "2}", { index: 1 })),
      ],
      expected: [
        ["a", '{"x":1}'],
        ["b", '{"y":2}'],
      ],
      ids: ["1", "2"],
    },
    {
      name: "whole, without an index",
      chunks: [calls(fn("a", '{"x":1}', { id: "1" }), fn("b", '{"y":2}', { id: "2" }))],
      expected: [
        ["a", '{"x":1}'],
        ["b", '{"y":2}'],
      ],
      ids: ["1", "2"],
    },
    {
      name: "whole, without index and id",
      chunks: [calls(fn("a", '{"x":1}'), fn("b", '{"y":2}'))],
      expected: [
        ["a", '{"x":1}'],
        ["b", '{"y":2}'],
      ],
      ids: ["", ""],
    },
    {
      name: "each with index 0",
      chunks: [
        calls(fn("a", '{"x":1}', { index: 0, id: "1" })),
        calls(fn("b", '{"y":2}', { index: 0, id: "2" })),
      ],
      expected: [
        ["a", '{"x":1}'],
        ["b", '{"y":2}'],
      ],
      ids: ["1", "2"],
    },
    {
      name: "each with index 0 and no id",
      chunks: [calls(fn("a", '{"x":1}', { index: 0 })), calls(fn("a", '{"x":2}', { index: 0 }))],
      expected: [
        ["a", '{"x":1}'],
        ["a", '{"x":2}'],
      ],
      ids: ["", ""],
    },
    {
      name: "two with one id",
      chunks: [calls(fn("a", '{"x":1}', { index: 0, id: "1" }), fn("b", '{"y":2}', { index: 1, id: "1" }))],
      expected: [
        ["a", '{"x":1}'],
        ["b", '{"y":2}'],
      ],
      ids: ["1", ""],
    },
    {
      name: "id and name repeated with each piece",
      chunks: [calls(fn("a", '{"x":', { index: 0, id: "1" })), calls(fn("a", "1}", { index: 0, id: "1" }))],
      expected: [["a", '{"x":1}']],
      ids: ["1"],
    },
    {
      name: "pieces without anything but arguments",
      chunks: [calls(fn("a", '{"x":', { id: "1" })), calls(fn(undefined, "1}"))],
      expected: [["a", '{"x":1}']],
      ids: ["1"],
    },
    {
      name: "arguments before the name",
      chunks: [
        calls({ index: 0, id: "1", function: { arguments: '{"x":' } }),
        calls(fn("a", "1}", { index: 0 })),
      ],
      expected: [["a", '{"x":1}']],
      ids: ["1"],
    },
    {
      name: "arguments as an object",
      chunks: [calls(fn("a", { x: 1 }, { index: 0, id: "1" }))],
      expected: [["a", '{"x":1}']],
      ids: ["1"],
    },
    {
      name: "no arguments",
      chunks: [calls(fn("a", "", { index: 0, id: "1" }))],
      expected: [["a", ""]],
      ids: ["1"],
    },
    {
      name: "arguments that are no JSON",
      chunks: [calls(fn("a", '{"x":', { index: 0, id: "1" }))],
      expected: [["a", '{"x":']],
      ids: ["1"],
    },
    {
      name: "nonsense",
      chunks: [chatChunk({ tool_calls: "x" }), chatChunk({ tool_calls: [null, 3].slice(2) })],
      expected: [],
      ids: [],
    },
  ])("are understood: $name", async ({ chunks, expected, ids: expectedIds }) => {
    const { events, error } = await read(...chunks, chatChunk({}, "stop"), done);
    expect(error).toBeUndefined();
    expect(inputs(events)).toEqual(expected);
    expect(ids(events)).toEqual(expectedIds);
    const stopReason = expected.length > 0 ? StopReason.TOOL_CALLS : StopReason.END;
    expect(events.at(-1)).toMatchObject({ type: "finish", stopReason });
  });

  it("are left open where the answer was cut short", async () => {
    const { events } = await read(
      calls(fn("a", '{"x":', { index: 0, id: "1" })),
      chatChunk({}, "length"),
      done,
    );
    expect(shape(events)).toEqual(["tool_input_started", "finish"]);
    expect(events.at(-1)).toMatchObject({ stopReason: StopReason.MAX_TOKENS });
  });

  it("without a name are a fault", async () => {
    const { error } = await read(
      calls({ index: 0, id: "1", function: { arguments: "{}" } }),
      chatChunk({}, "tool_calls"),
      done,
    );
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
  });
});

describe("chunks of Chat Completions", () => {
  it.each(["reasoning_content", "reasoning"])("show reasoning in %s, apart from the text", async (field) => {
    const { events } = await read(
      chatChunk({ [field]: "h" }),
      chatChunk({ [field]: "m" }),
      chatChunk({ content: "ok" }),
      chatChunk({}, "stop"),
    );
    expect(shape(events)).toEqual([
      "reasoning_started",
      "reasoning_finished",
      "text_started",
      "text_finished",
      "finish",
    ]);
    expect(events).toContainEqual({
      type: "reasoning_finished",
      index: 0,
      text: "hm",
      signature: "",
      redacted: "",
    });
    expect(answerText(events)).toBe("ok");
  });

  it("show reasoning in a list of parts", async () => {
    const thinking = [{ type: "text", text: "hm" }];
    const { events } = await read(
      chatChunk({ content: [{ type: "thinking", thinking }] }),
      chatChunk({ content: [{ type: "text", text: "ok" }] }),
      chatChunk({}, "stop"),
    );
    expect(shape(events)).toEqual([
      "reasoning_started",
      "reasoning_finished",
      "text_started",
      "text_finished",
      "finish",
    ]);
  });

  it.each([
    { name: "a [DONE] that is missing", body: [chatChunk({ content: "a" }, "stop")] },
    { name: "two of them", body: [chatChunk({ content: "a" }, "stop"), done, done] },
    {
      name: "usage before the finish reason",
      body: [usageChunk({ prompt_tokens: 1 }), chatChunk({ content: "a" }, "stop"), done],
    },
    {
      name: "chunks without choices",
      body: [
        sseEvent({}),
        sseEvent({ choices: [] }),
        sseEvent("null"),
        sseEvent("7"),
        chatChunk({ content: "a" }, "stop"),
        done,
      ],
    },
    { name: "a finish reason from the future", body: [chatChunk({ content: "a" }, "because"), done] },
    {
      name: "a whole message in place of a delta",
      body: [sseEvent({ choices: [{ message: { content: "a" }, finish_reason: "stop" }] }), done],
    },
    {
      name: "no empty line at the end",
      body: [chatChunk({ content: "a" }), chatChunk({}, "stop").trimEnd()],
    },
    {
      name: "CR LF and a byte order mark",
      body: [`\ufeff${chatChunk({ content: "a" }, "stop")}${done}`.replaceAll("\n", "\r\n")],
    },
  ])("may hold $name", async ({ body }) => {
    const { events, error } = await read(...body);
    expect(error).toBeUndefined();
    expect(answerText(events)).toBe("a");
    expect(events.at(-1)).toMatchObject({ type: "finish", stopReason: StopReason.END });
  });

  it.each([
    { name: "no finish reason", body: [chatChunk({ content: "a" }), done] },
    { name: "an end in the middle", body: [chatChunk({ content: "a" })] },
    { name: "the finish reason error", body: [chatChunk({ content: "a" }, "error"), done] },
    { name: "an event that is no JSON", body: [sseEvent("{nope"), done] },
    { name: "nothing", body: [""] },
  ])("fail and may be tried again: $name", async ({ body }) => {
    const { events, error } = await read(...body);
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
    expect(events.some(({ type }) => type === "finish")).toBe(false);
  });

  it("tell a refusal in words", async () => {
    const { events } = await read(chatChunk({ refusal: "I cannot" }), chatChunk({}, "stop"), done);
    expect(answerText(events)).toBe("I cannot");
    expect(events.at(-1)).toMatchObject({ stopReason: StopReason.REFUSAL });
  });

  it.each([
    { name: "missing", usage: null, expected: { inputTokens: 0, outputTokens: 0 } },
    {
      name: "negative",
      usage: { prompt_tokens: -1, completion_tokens: -1 },
      expected: { inputTokens: 0, outputTokens: 0 },
    },
    {
      name: "more cached than there were",
      usage: { prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 9 } },
      expected: { inputTokens: 0, cacheReadTokens: 5 },
    },
    {
      name: "cache hits of DeepSeek",
      usage: { prompt_tokens: 5, prompt_cache_hit_tokens: 2 },
      expected: { inputTokens: 3, cacheReadTokens: 2 },
    },
    {
      name: "reasoning within the answer",
      usage: {
        prompt_tokens: 1,
        completion_tokens: 9,
        total_tokens: 10,
        completion_tokens_details: { reasoning_tokens: 4 },
      },
      expected: { outputTokens: 9, reasoningTokens: 4 },
    },
    {
      name: "reasoning apart from the answer",
      usage: {
        prompt_tokens: 1,
        completion_tokens: 5,
        total_tokens: 10,
        completion_tokens_details: { reasoning_tokens: 4 },
      },
      expected: { outputTokens: 9, reasoningTokens: 4 },
    },
    {
      name: "priced",
      usage: { prompt_tokens: 1_000_000, completion_tokens: 1_000_000 },
      expected: { costUsd: 12.5 },
    },
  ])("tell usage: $name", async ({ usage, expected }) => {
    const { events } = await read(chatChunk({ content: "a" }, "stop"), usageChunk(usage), done);
    expect(events.at(-1)).toMatchObject({ type: "finish", usage: expected });
  });
});
