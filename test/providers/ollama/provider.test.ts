import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { ollamaAnswer, ollamaChunk, startFakeUpstream } from "../../support/fake-upstream.js";
import { providerSuite } from "../../support/provider-suite.js";
import { answerText, canary, collect, modelRequest, openRegistry } from "../open-registry.js";

const never = new AbortController().signal;

providerSuite("Ollama", async (url) => ({
  provider: await openRegistry({ environment: { OLLAMA_HOST: url } }).get("ollama"),
  wire: {
    text: ollamaAnswer(["Hello there."]),
    parallelTools: ollamaAnswer([
      { name: "read", input: { path: "a" } },
      { name: "read", input: { path: "b" } },
    ]),
    refusal: undefined,
    empty: ollamaAnswer([]),
    cached: undefined,
    written: 0,
    overload: JSON.stringify({ error: "server busy, please try again. maximum pending requests exceeded" }),
  },
}));

describe("the address of Ollama", () => {
  let upstream: FakeUpstream;
  beforeAll(async () => {
    upstream = await startFakeUpstream({ body: ollamaAnswer(["Hi"]) });
  });
  afterAll(() => upstream.close());

  const portOf = (url: string) => new URL(url).port;
  const call = async (host: string, baseUrl = "") => {
    const provider = await openRegistry({ environment: { OLLAMA_HOST: host } }).get("ollama");
    return await collect(provider.stream(modelRequest({ baseUrl }), never));
  };

  it.each([
    { name: "OLLAMA_HOST", host: () => upstream.url, baseUrl: () => "" },
    { name: "where a server listens", host: () => `0.0.0.0:${portOf(upstream.url)}`, baseUrl: () => "" },
    { name: "the request", host: () => "127.0.0.1:1", baseUrl: () => upstream.url },
    { name: "that of the OpenAI form", host: () => "", baseUrl: () => `${upstream.url}/v1/` },
    { name: "that of the API", host: () => "", baseUrl: () => `${upstream.url}/api` },
  ])("may be $name", async ({ host, baseUrl }) => {
    const { events, error } = await call(host(), baseUrl());
    expect(error).toBeUndefined();
    expect(answerText(events)).toBe("Hi");
    expect(upstream.requests.at(-1)).toMatchObject({ method: "POST", path: "/api/chat" });
    expect(upstream.requests.at(-1)?.headers.authorization).toBeUndefined();
  });

  it.each([
    { name: "another host by plain http", baseUrl: "http://192.0.2.7:11434", reason: "invalid" },
    { name: "another port of the operator's", baseUrl: "http://ollama.invalid:80", reason: "invalid" },
    { name: "the operator's own", baseUrl: "http://ollama.invalid:11434", reason: "unavailable" },
    { name: "another host by https", baseUrl: "https://other.invalid", reason: "unavailable" },
  ])("is checked in a request: $name", async ({ baseUrl, reason }) => {
    expect((await call("ollama.invalid", baseUrl)).error).toMatchObject({ reason });
  });

  it("is named when nobody answers there", async () => {
    const gone = await startFakeUpstream();
    await gone.close();
    const expected = {
      reason: "unavailable",
      message: `Ollama cannot be reached at ${gone.url} (ECONNREFUSED): is it running?`,
      detail: { retryable: true, provider: "ollama" },
    };
    expect((await call(gone.url)).error).toMatchObject(expected);
    const registry = openRegistry({ environment: { OLLAMA_HOST: gone.url } });
    await expect(registry.models("ollama", never)).rejects.toMatchObject(expected);
  });

  it("gets the key that was stored for it, if any", async () => {
    const registry = openRegistry({ secrets: { ollama: { origin: upstream.url, baseUrl: upstream.url } } });
    const provider = await registry.get("ollama");
    expect((await collect(provider.stream(modelRequest(), never))).error).toBeUndefined();
    expect(upstream.requests.at(-1)?.headers.authorization).toBe(`Bearer ${canary}`);
  });
});

describe("a slow Ollama", () => {
  let upstream: FakeUpstream;
  beforeAll(async () => {
    upstream = await startFakeUpstream();
  });
  afterAll(() => upstream.close());

  const call = async () => {
    const environment = { OLLAMA_HOST: upstream.url };
    const provider = await openRegistry({ environment, idleTimeoutMs: 100 }).get("ollama");
    return await collect(provider.stream(modelRequest(), never));
  };

  it("may take longer to load its model than to go on", async () => {
    upstream.answer({ delayMs: 250, body: ollamaAnswer(["Hi"]) });
    const { events, error } = await call();
    expect(error).toBeUndefined();
    expect(answerText(events)).toBe("Hi");
  });

  it.each([
    { name: "never answers", answer: { end: "silent" }, seconds: 0.5 },
    { name: "stalls", answer: { body: ollamaChunk({ content: "a" }), end: "stall" }, seconds: 0.1 },
  ] as const)("is given up when it $name", async ({ answer, seconds }) => {
    upstream.answer(answer);
    expect((await call()).error).toMatchObject({
      reason: "timeout",
      message: `Ollama sent nothing for ${seconds} seconds`,
      detail: { retryable: true },
    });
    await upstream.requests.at(-1)?.closed;
  });
});
