import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StopReason } from "../../gen/agentry/v1/message_pb.js";
import { Fault } from "../../src/core/fault.js";
import type { ModelEvent, ModelProvider } from "../../src/core/model-provider.js";
import { answerText, collect, modelRequest, shape } from "../providers/open-registry.js";
import type { FakeUpstream, UpstreamAnswer } from "./fake-upstream.js";
import { startFakeUpstream } from "./fake-upstream.js";

/** How a provider's API says what every provider has to understand. */
interface ProviderWire {
  /** "Hello there." as text. */
  readonly text: string;
  /** The calls `read {"path":"a"}` and `read {"path":"b"}`, in one answer. */
  readonly parallelTools: string;
  /** A refusal; undefined where the API has no word for one. */
  readonly refusal: string | undefined;
  /** An answer without content. */
  readonly empty: string;
  /** An answer whose prompt had 100 fresh tokens, 40 from the cache and, where the API tells, `written` written to it; 7 were answered; undefined where it does not tell them apart. */
  readonly cached: string | undefined;
  readonly written: number;
  /** The body of a 429. */
  readonly overload: string;
}

/** A provider that calls the upstream, opened for the suite. */
export interface SuiteProvider {
  readonly provider: ModelProvider;
  readonly wire: ProviderWire;
}

/** What every provider keeps, whatever its API. Its upstream is a real HTTP server. */
export function providerSuite(name: string, open: (upstream: string) => Promise<SuiteProvider>): void {
  describe(name, () => {
    let upstream: FakeUpstream;
    let opened: SuiteProvider;
    beforeAll(async () => {
      upstream = await startFakeUpstream();
      opened = await open(upstream.url);
    });
    afterAll(() => upstream.close());

    const call = (answer: UpstreamAnswer, signal = new AbortController().signal) => {
      upstream.answer(answer);
      return collect(opened.provider.stream(modelRequest(), signal));
    };

    it("streams text", async () => {
      const { events, error } = await call({ body: opened.wire.text });
      expect(error).toBeUndefined();
      expect(shape(events)).toEqual(["text_started", "text_finished", "finish"]);
      expect(answerText(events)).toBe("Hello there.");
      expect(events.filter(({ type }) => type === "text_delta").length).toBeGreaterThan(1);
      expect(finish(events).stopReason).toBe(StopReason.END);
    });

    it("tells parallel tool calls apart", async () => {
      const { events, error } = await call({ body: opened.wire.parallelTools });
      expect(error).toBeUndefined();
      const inputs = events.filter((event) => event.type === "tool_input_finished");
      expect(inputs.map(({ name, json }) => [name, JSON.parse(json)])).toEqual([
        ["read", { path: "a" }],
        ["read", { path: "b" }],
      ]);
      const started = events.filter((event) => event.type === "tool_input_started");
      // The engine makes ids where an API gives none.
      const ids = started.map(({ toolCallId }) => toolCallId).filter((id) => id !== "");
      expect(new Set(ids).size).toBe(ids.length);
      expect(new Set(started.map(({ index }) => index)).size).toBe(2);
      for (const { index } of started) {
        const deltas = events.filter((event) => event.type === "tool_input_delta" && event.index === index);
        const whole = inputs.find((input) => input.index === index);
        expect(deltas.map((delta) => (delta.type === "tool_input_delta" ? delta.json : "")).join("")).toBe(
          whole?.json,
        );
      }
      expect(finish(events).stopReason).toBe(StopReason.TOOL_CALLS);
    });

    it("tells a refusal", async (context) => {
      if (!opened.wire.refusal) return context.skip("the API has no word for a refusal");
      const { events } = await call({ body: opened.wire.refusal });
      expect(finish(events).stopReason).toBe(StopReason.REFUSAL);
    });

    it("takes an empty answer", async () => {
      const { events, error } = await call({ body: opened.wire.empty });
      expect(error).toBeUndefined();
      expect(shape(events)).toEqual(["finish"]);
    });

    it("counts cached tokens apart", async (context) => {
      if (!opened.wire.cached) return context.skip("the API does not tell cached tokens apart");
      const { events } = await call({ body: opened.wire.cached });
      expect(finish(events).usage).toMatchObject({
        inputTokens: 100,
        cacheReadTokens: 40,
        cacheWriteTokens: opened.wire.written,
        outputTokens: 7,
      });
    });

    it("passes on how long to wait when overloaded, and does not try again", async () => {
      const before = upstream.requests.length;
      const { events, error } = await call({
        status: 429,
        headers: { "retry-after": "7", "content-type": "application/json" },
        body: opened.wire.overload,
      });
      expect(events).toEqual([]);
      expect(error).toBeInstanceOf(Fault);
      expect(error).toMatchObject({
        reason: "unavailable",
        detail: {
          retryable: true,
          retryAfterMs: 7000,
          providerStatus: 429,
          provider: opened.provider.id,
        },
      });
      expect(upstream.requests.length - before).toBe(1);
    });

    it.each(["finish", "close", "reset"] as const)("fails when the stream is cut by %s", async (end) => {
      const { events, error } = await call({
        body: opened.wire.text,
        cutAt: Math.floor(opened.wire.text.length * 0.6),
        end,
      });
      expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
      expect(events.some(({ type }) => type === "finish")).toBe(false);
    });

    it("stops when it is aborted, and lets go of the connection", async () => {
      const controller = new AbortController();
      upstream.answer({ body: opened.wire.text, cutAt: opened.wire.text.length - 40, end: "stall" });
      const events: ModelEvent[] = [];
      const run = async () => {
        for await (const event of opened.provider.stream(modelRequest(), controller.signal)) {
          events.push(event);
          if (event.type === "text_delta") controller.abort();
        }
      };
      await expect(run()).rejects.toMatchObject({ reason: "canceled" });
      await upstream.requests.at(-1)?.closed;
      expect(events.some(({ type }) => type === "finish")).toBe(false);
    });

    it("stops when it is aborted before the first byte", async () => {
      const controller = new AbortController();
      upstream.answer(() => {
        setTimeout(() => controller.abort(), 5);
        return { end: "silent" };
      });
      const { error } = await collect(opened.provider.stream(modelRequest(), controller.signal));
      expect(error).toMatchObject({ reason: "canceled" });
      await upstream.requests.at(-1)?.closed;
    });

    it("uses a connection again", async () => {
      const before = upstream.connections();
      // The body ends a moment after the event that ends the answer.
      for (let i = 0; i < 8; i += 1) await call({ body: opened.wire.text, paceMs: 2 });
      expect(upstream.connections() - before).toBeLessThan(5);
    });
  });
}

function finish(events: readonly ModelEvent[]): Extract<ModelEvent, { type: "finish" }> {
  const last = events.at(-1);
  if (last?.type !== "finish") throw new Error(`the last event is ${last?.type}`);
  expect(events.filter(({ type }) => type === "finish")).toHaveLength(1);
  return last;
}
