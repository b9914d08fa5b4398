import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Model } from "../../../gen/agentry/v1/providers_pb.js";
import type { FakeUpstream, UpstreamAnswer } from "../../support/fake-upstream.js";
import { startFakeUpstream } from "../../support/fake-upstream.js";
import { openRegistry } from "../open-registry.js";

let upstream: FakeUpstream;
beforeAll(async () => {
  upstream = await startFakeUpstream();
});
beforeEach(() => {
  upstream.requests.length = 0;
});
afterAll(() => upstream.close());

const tags = (...names: unknown[]) =>
  JSON.stringify({ models: names.map((name) => ({ name, model: name })) });
const shown = (length: unknown, ...capabilities: string[]) =>
  JSON.stringify({
    capabilities,
    model_info: { "general.architecture": "llama", "llama.context_length": length },
  });

function list(answers: { tags: string; show: (model: string) => UpstreamAnswer }, signal?: AbortSignal) {
  upstream.answer(({ path, json }) =>
    path === "/api/tags" ? { body: answers.tags } : answers.show(json.model),
  );
  const registry = openRegistry({ environment: { OLLAMA_HOST: upstream.url } });
  return registry.models("ollama", signal ?? new AbortController().signal);
}

const facts = ({ id, contextWindow, tools, reasoning, images }: Model) => ({
  id,
  contextWindow,
  tools,
  reasoning,
  images,
});

describe("the models of Ollama", () => {
  it("are those that the server has, with what it tells of them", async () => {
    const models = await list({
      tags: tags("qwen3:8b", "claude-haiku-4-5", "qwen3:8b", "", 7),
      show: (model) =>
        model === "qwen3:8b"
          ? { body: shown(40_960, "completion", "tools", "thinking") }
          : { body: shown(8192, "vision") },
    });
    expect(models.map(facts)).toEqual([
      { id: "claude-haiku-4-5", contextWindow: 8192, tools: false, reasoning: false, images: true },
      { id: "qwen3:8b", contextWindow: 40_960, tools: true, reasoning: true, images: false },
    ]);
    expect(models.every(({ price }) => price === undefined)).toBe(true);
    expect(upstream.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /api/tags",
      "POST /api/show",
      "POST /api/show",
    ]);
  });

  it.each([
    { name: "fails", answer: { status: 500 } },
    { name: "is no JSON", answer: { body: "<html>" } },
    { name: "is null", answer: { body: "null" } },
    { name: "makes no sense", answer: { body: shown("many") } },
    { name: "breaks off", answer: { body: shown(4096), cutAt: 9, end: "reset" } },
    { name: "is endless", answer: { body: "x".repeat(9 * 1024 * 1024) } },
  ] as const)("are known by name when what is told of one $name", async ({ answer }) => {
    const models = await list({
      tags: tags("a", "b"),
      show: (model) => (model === "a" ? answer : { body: shown(4096) }),
    });
    expect(models.map(({ id, contextWindow }) => [id, contextWindow])).toEqual([
      ["a", 0],
      ["b", 4096],
    ]);
  });

  it("are not asked for one by one without end", async () => {
    let open = 0;
    let most = 0;
    const names = Array.from({ length: 60 }, (_, i) => `m${100 + i}`);
    const models = await list({
      tags: tags(...names),
      show: () => {
        open += 1;
        most = Math.max(most, open);
        setTimeout(() => {
          open -= 1;
        }, 5);
        return { delayMs: 5, body: shown(4096) };
      },
    });
    expect(models.map(({ id }) => id)).toEqual(names);
    expect(models.filter(({ contextWindow }) => contextWindow > 0)).toHaveLength(50);
    expect(upstream.requests).toHaveLength(51);
    expect(most).toBeLessThanOrEqual(4);
  });

  it("are listed although nothing is told of them in time", async () => {
    const models = await list({ tags: tags("a", "b", "c", "d", "e"), show: () => ({ end: "silent" }) });
    expect(models.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "e"]);
    expect(upstream.requests).toHaveLength(5);
  });

  it("are not waited for by one who left", async () => {
    const controller = new AbortController();
    const models = list(
      {
        tags: tags("a"),
        show: () => {
          setTimeout(() => controller.abort(), 5);
          return { end: "silent" };
        },
      },
      controller.signal,
    );
    await expect(models).rejects.toMatchObject({ reason: "canceled" });
  });

  it.each([
    { name: "no JSON", body: "<html>" },
    { name: "an endless list", body: "x".repeat(9 * 1024 * 1024) },
  ])("cannot be told from $name", async ({ body }) => {
    await expect(list({ tags: body, show: () => ({}) })).rejects.toMatchObject({
      reason: "unavailable",
      message: "Ollama sent a list of models that cannot be read",
      detail: { retryable: true, provider: "ollama" },
    });
  });

  it("may be none", async () => {
    expect(await list({ tags: '{"models":null}', show: () => ({}) })).toEqual([]);
  });
});
