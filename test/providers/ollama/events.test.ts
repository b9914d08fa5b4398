import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StopReason } from "../../../gen/agentry/v1/message_pb.js";
import type { ModelEvent, ModelProvider } from "../../../src/core/model-provider.js";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { ollamaAnswer, ollamaCall, ollamaChunk, startFakeUpstream } from "../../support/fake-upstream.js";
import { answerText, collect, modelRequest, openRegistry, shape } from "../open-registry.js";

let upstream: FakeUpstream;
let provider: ModelProvider;
beforeAll(async () => {
  upstream = await startFakeUpstream();
  provider = await openRegistry({ environment: { OLLAMA_HOST: upstream.url } }).get("ollama");
});
afterAll(() => upstream.close());

async function read(...body: (string | Uint8Array)[]) {
  upstream.answer({ body, headers: { "content-type": "application/x-ndjson" } });
  return await collect(provider.stream(modelRequest(), new AbortController().signal));
}

const done = (rest: object = {}) =>
  ollamaChunk(
    { content: "" },
    { done: true, done_reason: "stop", prompt_eval_count: 3, eval_count: 2, ...rest },
  );
const calls = (...tool_calls: object[]) => ollamaChunk({ content: "", tool_calls });

function inputs(events: readonly ModelEvent[]): [string, string][] {
  return events.flatMap((event) => (event.type === "tool_input_finished" ? [[event.name, event.json]] : []));
}

describe("texts of Ollama", () => {
  it("lose nothing, not even the first token", async () => {
    const { events } = await read(
      ...["First", " Second", " Third"].map((content) => ollamaChunk({ content })),
      done(),
    );
    expect(events.flatMap((event) => (event.type === "text_delta" ? [event.text] : []))).toEqual([
      "First",
      " Second",
      " Third",
    ]);
    expect(answerText(events)).toBe("First Second Third");
  });

  it("may come with the last chunk", async () => {
    const last = ollamaChunk({ content: "b" }, { done: true, done_reason: "stop" });
    expect(answerText((await read(ollamaChunk({ content: "a" }), last)).events)).toBe("ab");
  });

  it("follow the thoughts", async () => {
    const { events } = await read(
      ollamaChunk({ content: "", thinking: "h" }),
      ollamaChunk({ content: "", thinking: "m" }),
      ollamaChunk({ content: "ok" }),
      done(),
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
  });
});

describe("tool calls of Ollama", () => {
  const a = ollamaCall("a", { x: 1 });
  const b = ollamaCall("b", { y: { z: ["ä"] } });
  const both = [
    ["a", '{"x":1}'],
    ["b", '{"y":{"z":["ä"]}}'],
  ];

  it.each([
    { name: "all in one chunk", chunks: [calls(a, b), done()], expected: both },
    { name: "each in its own", chunks: [calls(a), calls(b), done()], expected: both },
    {
      name: "in the last chunk",
      chunks: [ollamaChunk({ tool_calls: [a, b] }, { done: true, done_reason: "stop" })],
      expected: both,
    },
    { name: "the same twice", chunks: [calls(a, a), done()], expected: [both[0], both[0]] },
    {
      name: "without arguments",
      chunks: [calls({ function: { name: "a" } }), done()],
      expected: [["a", "{}"]],
    },
    { name: "with a text of JSON", chunks: [calls(ollamaCall("a", '{"x":1}')), done()], expected: [both[0]] },
    {
      name: "with arguments that are no object",
      chunks: [calls(ollamaCall("a", [1])), done()],
      expected: [["a", "[1]"]],
    },
    {
      name: "with ids and numbers that collide",
      chunks: [calls({ id: "tool_0", ...a }, { id: "tool_0", ...b }), done()],
      expected: both,
    },
    {
      name: "before an answer cut short",
      chunks: [calls(a), done({ done_reason: "length" })],
      expected: [both[0]],
    },
  ])("are whole: $name", async ({ chunks, expected }) => {
    const { events, error } = await read(...chunks);
    expect(error).toBeUndefined();
    expect(inputs(events)).toEqual(expected);
    const ids = events.flatMap((event) => (event.type === "tool_input_started" ? [event.toolCallId] : []));
    expect(new Set(ids)).toEqual(new Set([""]));
    const indices = events.flatMap((event) => (event.type === "tool_input_finished" ? [event.index] : []));
    expect(new Set(indices).size).toBe(expected.length);
  });

  it("come after what was said before them", async () => {
    const { events } = await read(ollamaChunk({ content: "Let me see.", tool_calls: [a] }), done());
    expect(shape(events)).toEqual([
      "text_started",
      "text_finished",
      "tool_input_started",
      "tool_input_finished",
      "finish",
    ]);
    expect(events.at(-1)).toMatchObject({ stopReason: StopReason.TOOL_CALLS });
  });

  it("need a name", async () => {
    const { error } = await read(calls({ function: { arguments: {} } }), done());
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
  });
});

describe("the end of Ollama's answers", () => {
  it.each([
    { reason: "stop", expected: StopReason.END },
    { reason: "length", expected: StopReason.MAX_TOKENS },
    { reason: "because", expected: StopReason.END },
    { reason: undefined, expected: StopReason.END },
  ])("is told by $reason", async ({ reason, expected }) => {
    const { events } = await read(ollamaChunk({ content: "a" }), done({ done_reason: reason }));
    expect(events.at(-1)).toMatchObject({
      type: "finish",
      stopReason: expected,
      usage: { inputTokens: 3, outputTokens: 2 },
    });
  });

  it.each([
    { name: "missing counts", counts: {} },
    { name: "counts that are none", counts: { prompt_eval_count: -4, eval_count: "many" } },
  ])("may have $name", async ({ counts }) => {
    const { events } = await read(ollamaAnswer(["a"], counts));
    expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 0, outputTokens: 0 } });
  });

  it.each([
    { name: "a line without its end", body: [ollamaChunk({ content: "a" }), done().trimEnd()] },
    { name: "CR LF and a byte order mark", body: [`\ufeff${ollamaAnswer(["a"])}`.replaceAll("\n", "\r\n")] },
    { name: "blank lines", body: [`\n \r\n${ollamaAnswer(["a"]).replaceAll("\n", "\n\n")}`] },
    { name: "lines that say nothing", body: ["null\n", "7\n", "[]\n", "{}\n", ollamaAnswer(["a"])] },
    { name: "chunks after it", body: [ollamaAnswer(["a"]), ollamaChunk({ content: "b" })] },
  ])("may hold $name", async ({ body }) => {
    const { events, error } = await read(...body);
    expect(error).toBeUndefined();
    expect(answerText(events)).toBe("a");
  });

  it.each([
    { name: "no end", body: [ollamaChunk({ content: "a" })] },
    { name: "nothing", body: [""] },
    { name: "half a line", body: [ollamaChunk({ content: "a" }), done().slice(0, 40)] },
    { name: "no JSON", body: ["{nope}\n", done()] },
    { name: "a model that was only loaded", body: [done({ done_reason: "load" })] },
    { name: "a model that was only unloaded", body: [done({ done_reason: "unload" })] },
  ])("is a failure, to be tried again: $name", async ({ body }) => {
    const { events, error } = await read(...body);
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: true, provider: "ollama" } });
    expect(events.some(({ type }) => type === "finish")).toBe(false);
  });

  it.each([
    { name: "in the stream", body: [ollamaChunk({ content: "a" }), '{"error":"the runner stopped"}\n'] },
    { name: "as the whole body", body: ['{"error":"the runner stopped"}'] },
  ])("may be an error $name", async ({ body }) => {
    expect((await read(...body)).error).toMatchObject({
      reason: "unavailable",
      message: "Ollama answered 500: the runner stopped",
      detail: { retryable: true },
    });
  });

  it.each([
    { status: 404, said: "model 'x' not found", reason: "invalid", retryable: false },
    { status: 400, said: '"x" does not support tools', reason: "invalid", retryable: false },
    { status: 503, said: "server busy", reason: "unavailable", retryable: true },
  ])("may be the status $status", async ({ status, said, reason, retryable }) => {
    upstream.answer({ status, body: JSON.stringify({ error: said }) });
    const { error } = await collect(provider.stream(modelRequest(), new AbortController().signal));
    expect(error).toMatchObject({ reason, detail: { retryable, providerStatus: status } });
    expect(String(error)).toContain(said);
  });

  it("is a failure at a line over 8 MiB", async () => {
    const piece = "x".repeat(1024 * 1024);
    const { error } = await read(
      '{"message":{"content":"',
      ...Array.from({ length: 9 }, () => piece),
      '"}}\n',
      done(),
    );
    expect(error).toMatchObject({
      reason: "unavailable",
      message: "Ollama sent a line of more than 8 MiB",
      detail: { retryable: false },
    });
  });
});
