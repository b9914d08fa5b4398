import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FakeUpstream } from "../support/fake-upstream.js";
import { anthropicAnswer, chatAnswer, startFakeUpstream } from "../support/fake-upstream.js";
import type { RegistrySettings } from "./open-registry.js";
import { canary, collect, modelRequest, openRegistry } from "./open-registry.js";

let home: FakeUpstream;
let foreign: FakeUpstream;
beforeAll(async () => {
  home = await startFakeUpstream();
  foreign = await startFakeUpstream();
});
beforeEach(() => {
  home.requests.length = 0;
  foreign.requests.length = 0;
  home.answer({ body: anthropicAnswer(["hi"]) });
});
afterAll(async () => {
  await home.close();
  await foreign.close();
});

async function call(settings: RegistrySettings, id: string, baseUrl = "") {
  const provider = await openRegistry(settings).get(id);
  return await collect(provider.stream(modelRequest({ baseUrl }), new AbortController().signal));
}

describe("a stored key", () => {
  const stored = () => ({ secrets: { anthropic: { origin: home.url, baseUrl: home.url } } });

  it("goes to its own origin, in one header", async () => {
    expect((await call(stored(), "anthropic")).error).toBeUndefined();
    const [request] = home.requests;
    expect(request?.headers["x-api-key"]).toBe(canary);
    expect(request?.headers.authorization).toBeUndefined();
    expect(Object.keys(request?.headers ?? {}).filter((name) => name.startsWith("x-stainless"))).toEqual([]);
  });

  it("goes to another path of it", async () => {
    expect((await call(stored(), "anthropic", `${home.url}/proxy/v1/`)).error).toBeUndefined();
    expect(home.requests[0]?.path).toBe("/proxy/v1/messages");
  });

  it.each([
    { name: "another origin", url: () => foreign.url },
    { name: "another port behind a user", url: () => foreign.url.replace("//", "//127.0.0.1@") },
    { name: "another scheme", url: () => home.url.replace("http:", "https:") },
    { name: "another name of the host", url: () => home.url.replace("127.0.0.1", "localhost") },
    { name: "plain http beyond the loopback", url: () => "http://10.0.0.1" },
    { name: "a file", url: () => "file:///etc/passwd" },
    { name: "no URL", url: () => "not a url" },
  ])("is not sent to $name", async ({ url }) => {
    const { events, error } = await call(stored(), "anthropic", url());
    expect(events).toEqual([]);
    expect(error).toMatchObject({ reason: "invalid" });
    expect(String(error)).not.toContain(canary);
    expect(home.requests.length + foreign.requests.length).toBe(0);
  });

  it("does not follow an address that the operator moved", async () => {
    const settings = {
      secrets: { anthropic: { origin: "https://api.anthropic.com" } },
      environment: { ANTHROPIC_BASE_URL: foreign.url },
    };
    expect((await call(settings, "anthropic")).error).toMatchObject({ reason: "invalid" });
    expect(foreign.requests.length).toBe(0);
  });

  it.each([301, 302, 307, 308])("does not follow a redirect (%s)", async (status) => {
    home.answer({ status, headers: { location: `${foreign.url}/v1/messages` } });
    expect((await call(stored(), "anthropic")).error).toMatchObject({ detail: { providerStatus: status } });
    expect(foreign.requests.length).toBe(0);
  });
});

describe("a key of the environment", () => {
  const environment = () => ({
    ANTHROPIC_API_KEY: canary,
    ANTHROPIC_BASE_URL: `${home.url}/`,
    ANTHROPIC_CUSTOM_HEADERS: "x-extra: 1",
  });

  it("is used when that is allowed, at the address of the environment", async () => {
    const settings = { environment: environment(), envKeys: true };
    expect((await call(settings, "anthropic")).error).toBeUndefined();
    expect(home.requests[0]?.headers["x-api-key"]).toBe(canary);
    expect(openRegistry(settings).environmentKey("anthropic")).toEqual({
      last4: canary.slice(-4),
      origin: home.url,
    });
  });

  it("goes nowhere else", async () => {
    const settings = { environment: environment(), envKeys: true };
    expect((await call(settings, "anthropic", foreign.url)).error).toMatchObject({ reason: "invalid" });
    expect(foreign.requests.length).toBe(0);
  });

  it("is not used unless that is allowed", async () => {
    await expect(openRegistry({ environment: environment() }).get("anthropic")).rejects.toMatchObject({
      reason: "invalid",
      message: 'there is no key for Anthropic: store a credential for provider "anthropic"',
    });
  });

  it("gives way to a stored one", async () => {
    const settings = {
      environment: { ...environment(), ANTHROPIC_API_KEY: "another-key-0123456789" },
      envKeys: true,
      secrets: { anthropic: { origin: home.url, baseUrl: home.url } },
    };
    expect((await call(settings, "anthropic")).error).toBeUndefined();
    expect(home.requests[0]?.headers["x-api-key"]).toBe(canary);
  });
});

describe("a key that the process has for itself", () => {
  it.each(["anthropic", "openai"])("does not get into a call of %s", async (id) => {
    const before = { ...process.env };
    process.env.ANTHROPIC_CUSTOM_HEADERS = "X-Api-Key: theirs-0123456789\nanthropic-beta: theirs-0123456789";
    process.env.OPENAI_CUSTOM_HEADERS = "Authorization: Bearer theirs-0123456789";
    process.env.OPENAI_PROJECT_ID = "theirs-0123456789";
    try {
      await call({ secrets: { [id]: { origin: home.url, baseUrl: home.url } } }, id);
    } finally {
      process.env = before;
    }
    const headers = home.requests[0]?.headers ?? {};
    expect(headers["x-api-key"] ?? headers.authorization).toContain(canary);
    expect(JSON.stringify(headers)).not.toContain("theirs");
  });
});

describe("a provider without a key", () => {
  it("sends none, not even one of the process", async () => {
    home.answer({ body: chatAnswer(["hi"]) });
    const before = { ...process.env };
    process.env.OPENAI_API_KEY = canary;
    process.env.OPENAI_ADMIN_KEY = canary;
    process.env.OPENAI_CUSTOM_HEADERS = `authorization: Bearer ${canary}`;
    process.env.OPENAI_ORG_ID = canary;
    try {
      const settings = { secrets: { "my-own": { key: "", origin: home.url, baseUrl: `${home.url}/v1` } } };
      expect((await call(settings, "my-own")).error).toBeUndefined();
    } finally {
      process.env = before;
    }
    expect(home.requests[0]?.path).toBe("/v1/chat/completions");
    expect(JSON.stringify(home.requests[0]?.headers)).not.toContain(canary);
    expect(home.requests[0]?.headers.authorization).toBeUndefined();
  });
});
