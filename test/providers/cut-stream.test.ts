import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "../../src/core/fault.js";
import type { ModelEvent, ModelProvider } from "../../src/core/model-provider.js";
import { createTransport } from "../../src/providers/http-transport.js";
import type { Transport } from "../../src/providers/transport.js";
import type { FakeUpstream } from "../support/fake-upstream.js";
import { anthropicAnswer, chatAnswer, ollamaAnswer, startFakeUpstream } from "../support/fake-upstream.js";
import { collect, modelRequest, openRegistry } from "./open-registry.js";

const parts = [
  "Grüße, 世界 👋.",
  { id: "call_1", name: "write", input: { path: "ä.txt", lines: [1, { b: '}"' }] } },
  { id: "call_2", name: "read", input: { path: "b" } },
];
const wires = [
  { id: "anthropic", base: "", body: anthropicAnswer(parts) },
  { id: "openai", base: "/v1", body: chatAnswer(parts) },
  { id: "ollama", base: "", body: ollamaAnswer(parts) },
];
const inputs = new Map(parts.flatMap((part) => (typeof part === "string" ? [] : [[part.name, part.input]])));

/** Answers with the first bytes of a body, in pieces of one size, without a network in between. */
function cutTransport(bytes: Uint8Array, pieceSize: number, broken: boolean): Transport {
  const open = () => async () => {
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.subarray(at, at + pieceSize));
        else if (broken) controller.error(Object.assign(new Error("aborted"), { code: "ECONNRESET" }));
        else controller.close();
        at += pieceSize;
      },
    });
    return new Response(stream);
  };
  return { live: true, idleTimeoutMs: 5000, open, close: async () => undefined };
}

function openAt(id: string, base: string, url: string, transport: Transport): Promise<ModelProvider> {
  return openRegistry({ secrets: { [id]: { origin: url, baseUrl: url + base } }, transport }).get(id);
}

/** Whatever was cut: a Fault or a finish, never half a tool input, and deltas that add up. */
function expectSound({ events, error }: { events: ModelEvent[]; error: unknown }): void {
  const finished = events.filter(({ type }) => type === "finish");
  if (error === undefined) {
    expect(finished).toHaveLength(1);
    expect(events.at(-1)?.type).toBe("finish");
  } else {
    expect(error).toBeInstanceOf(Fault);
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
    expect(finished).toHaveLength(0);
  }
  for (const event of events) {
    if (event.type === "tool_input_finished") {
      expect(JSON.parse(event.json)).toEqual(inputs.get(event.name));
    }
    if (event.type === "text_finished") expect("Grüße, 世界 👋.".startsWith(event.text)).toBe(true);
    if (event.type === "text_delta") expect(event.text).not.toContain("\ufffd");
  }
}

describe.each(wires)("a stream of $id", ({ id, base, body }) => {
  const bytes = new TextEncoder().encode(body);

  it.each([
    { name: "ends", broken: false },
    { name: "breaks", broken: true },
  ])("is a Fault or whole when it $name at any byte", async ({ broken }) => {
    for (let at = 0; at <= bytes.length; at += 1) {
      const provider = await openAt(
        id,
        base,
        "http://127.0.0.1:1",
        cutTransport(bytes.subarray(0, at), 97, broken),
      );
      const result = await collect(provider.stream(modelRequest(), new AbortController().signal));
      expectSound(result);
      if (at === bytes.length) expect(result.error).toBeUndefined();
    }
  });

  it("is the same in pieces of one to seven bytes", async () => {
    const results = [];
    for (let size = 1; size <= 7; size += 1) {
      const provider = await openAt(id, base, "http://127.0.0.1:1", cutTransport(bytes, size, false));
      results.push(await collect(provider.stream(modelRequest(), new AbortController().signal)));
    }
    for (const result of results) expect(result).toEqual(results[0]);
    expect(results[0]?.error).toBeUndefined();
  });
});

describe.each(wires)("a connection of $id", ({ id, base, body }) => {
  let upstream: FakeUpstream;
  let transport: Transport;
  beforeAll(async () => {
    upstream = await startFakeUpstream();
    transport = createTransport();
  });
  afterAll(async () => {
    await transport.close();
    await upstream.close();
  });

  it.each(["close", "reset"] as const)("may be lost by %s", async (end) => {
    const provider = await openAt(id, base, upstream.url, transport);
    const size = Buffer.byteLength(body);
    for (let at = 0; at < size; at += 29) {
      upstream.answer({ body, cutAt: at, end });
      const result = await collect(provider.stream(modelRequest(), new AbortController().signal));
      expectSound(result);
      if (at > 0 && result.error) expect(String(result.error)).toMatch(/broke off its answer/);
    }
  });
});
