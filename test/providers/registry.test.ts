import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageSchema } from "../../gen/agentry/v1/message_pb.js";
import { ProviderApi } from "../../gen/agentry/v1/providers_pb.js";
import { modelTable } from "../../src/providers/catalogue/model-table.js";
import { catalogueModels, costOf, findModel, priceOf } from "../../src/providers/catalogue/models.js";
import { knownProviders } from "../../src/providers/catalogue/providers.js";
import type { FakeUpstream } from "../support/fake-upstream.js";
import { startFakeUpstream } from "../support/fake-upstream.js";
import { canary, openRegistry } from "./open-registry.js";

const never = new AbortController().signal;

describe("the registry", () => {
  let upstream: FakeUpstream;
  beforeAll(async () => {
    upstream = await startFakeUpstream();
  });
  afterAll(() => upstream.close());

  it("lists what is known by name and what a credential was stored for", async () => {
    const registry = openRegistry({
      secrets: {
        "my-own": { origin: upstream.url, baseUrl: `${upstream.url}/v1` },
        mistral: { origin: upstream.url, baseUrl: upstream.url },
      },
      environment: { ANTHROPIC_BASE_URL: "http://gateway.example/" },
    });
    const list = await registry.list();
    expect(list.map(({ id }) => id)).toEqual([...knownProviders.keys(), "my-own"].sort());
    const byId = new Map(list.map((provider) => [provider.id, provider]));
    expect(byId.get("anthropic")).toMatchObject({
      baseUrl: "http://gateway.example",
      keyRequired: true,
      api: ProviderApi.ANTHROPIC_MESSAGES,
    });
    expect(byId.get("ollama")).toMatchObject({ keyRequired: false, api: ProviderApi.OLLAMA_CHAT });
    expect(byId.get("mistral")?.baseUrl).toBe(upstream.url);
    expect(byId.get("my-own")).toMatchObject({
      name: "my-own",
      baseUrl: `${upstream.url}/v1`,
      keyRequired: false,
    });
    expect(await registry.describe("my-own")).toEqual(byId.get("my-own"));
  });

  it.each(["nobody", "", "__proto__", "constructor"])("does not know %j", async (id) => {
    const registry = openRegistry();
    await expect(registry.get(id)).rejects.toMatchObject({ reason: "not_found" });
    await expect(registry.describe(id)).rejects.toMatchObject({ reason: "not_found" });
    await expect(registry.models(id, never)).rejects.toMatchObject({ reason: "not_found" });
  });

  it("needs an address where each customer has another", async () => {
    await expect(
      openRegistry({ secrets: { azure: { origin: upstream.url } } }).get("azure"),
    ).rejects.toMatchObject({
      reason: "invalid",
      message: 'Azure OpenAI has no address of its own: store a credential with base_url for "azure"',
    });
  });

  it("knows the bundled models without a key", async () => {
    const models = await openRegistry().models("anthropic", never);
    expect(models.map(({ id }) => id)).toContain("claude-haiku-4-5");
  });

  it("asks a provider that the catalogue does not know", async () => {
    const registry = openRegistry({
      secrets: { "my-own": { origin: upstream.url, baseUrl: `${upstream.url}/v1` } },
    });
    upstream.answer({
      body: JSON.stringify({ data: [{ id: "b" }, { id: "a" }, { id: "a" }, { id: 3 }, null] }),
    });
    expect((await registry.models("my-own", never)).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(upstream.requests.at(-1)).toMatchObject({ method: "GET", path: "/v1/models" });
    expect(upstream.requests.at(-1)?.headers.authorization).toBe(`Bearer ${canary}`);
  });

  it.each([
    { name: "an error", answer: { status: 503 }, retryable: true },
    { name: "no JSON", answer: { body: "<html>" }, retryable: true },
    { name: "an endless list", answer: { body: "x".repeat(9 * 1024 * 1024) }, retryable: true },
  ])("says so when that one answers with $name", async ({ answer, retryable }) => {
    const registry = openRegistry({ secrets: { "my-own": { origin: upstream.url, baseUrl: upstream.url } } });
    upstream.answer(answer);
    await expect(registry.models("my-own", never)).rejects.toMatchObject({
      reason: "unavailable",
      detail: { retryable },
    });
  });
});

describe("the catalogue", () => {
  it.each([
    ["anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"],
    ["anthropic", "claude-sonnet-4-0", "claude-sonnet-4-0"],
    ["anthropic", "claude-3-5-haiku-20241022", "claude-3-5-haiku-20241022"],
    ["openai", "gpt-4o-2024-11-20", "gpt-4o"],
    ["openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"],
    ["openai", "gpt-5-2025-08-07", "gpt-5"],
    ["mistral", "mistral-small", "mistral-small-latest"],
    ["openai", "no-such-model", undefined],
    ["nobody", "gpt-4o", undefined],
    ["__proto__", "toString", undefined],
  ])("finds %s/%s as %s", (provider, model, id) => {
    expect(findModel(provider, model)?.id).toBe(id);
  });

  it("holds every model once, with limits and prices that make sense", () => {
    for (const provider of Object.keys(modelTable)) {
      expect(knownProviders.has(provider)).toBe(true);
      const models = catalogueModels(provider);
      expect(new Set(models.map(({ id }) => id)).size).toBe(models.length);
      for (const { id, contextWindow, maxOutputTokens, price } of models) {
        expect(contextWindow, id).toBeGreaterThanOrEqual(maxOutputTokens);
        expect(price?.cacheRead, id).toBeLessThanOrEqual(price?.input ?? 0);
      }
    }
  });

  it("counts what a usage costs", () => {
    const price = priceOf("anthropic", "claude-opus-5");
    if (!price) throw new Error("no price");
    const usage = create(UsageSchema, {
      inputTokens: 1000,
      outputTokens: 100,
      cacheReadTokens: 2000,
      cacheWriteTokens: 400,
    });
    expect(costOf(usage, price)).toBeCloseTo((1000 * 5 + 100 * 25 + 2000 * 0.5 + 400 * 6.25) / 1e6, 12);
    const uncached = priceOf("openai", "gpt-3.5-turbo");
    if (!uncached) throw new Error("no price");
    expect(costOf(create(UsageSchema, { cacheReadTokens: 1_000_000 }), uncached)).toBeCloseTo(0.5, 12);
  });
});
