import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fault } from "../../src/core/fault.js";
import { createTransport } from "../../src/providers/http-transport.js";
import type { FakeUpstream } from "../support/fake-upstream.js";
import { anthropicStream, chatChunk, sseEvent, startFakeUpstream } from "../support/fake-upstream.js";
import { canary, collect, modelRequest, openRegistry } from "./open-registry.js";

const never = new AbortController().signal;
let upstream: FakeUpstream;
beforeAll(async () => {
  upstream = await startFakeUpstream();
});
afterAll(() => upstream.close());

async function failure(id: string, baseUrl = upstream.url, idleTimeoutMs?: number): Promise<Fault> {
  const secrets = { [id]: { origin: new URL(baseUrl).origin, baseUrl } };
  const now = Date.parse("2026-01-01T00:00:00Z");
  const registry = openRegistry({ secrets, now, ...(idleTimeoutMs ? { idleTimeoutMs } : {}) });
  const { error } = await collect((await registry.get(id)).stream(modelRequest(), never));
  if (!(error instanceof Fault)) throw new Error(`no Fault but ${String(error)}`);
  return error;
}

const says = (message: string) => JSON.stringify({ error: { message } });

describe("an answer that is not a success", () => {
  it.each([
    {
      status: 400,
      reason: "invalid",
      retryable: false,
      body: says("max_tokens: too big"),
      message: "Anthropic answered 400: max_tokens: too big",
    },
    {
      status: 400,
      reason: "invalid",
      retryable: false,
      body: says("prompt is too long: 200001 tokens"),
      message:
        "the conversation is too long for the model: Anthropic answered 400: prompt is too long: 200001 tokens",
    },
    {
      status: 401,
      reason: "invalid",
      retryable: false,
      body: says(`bad key ${canary}`),
      message: "the key of Anthropic was refused",
    },
    {
      status: 402,
      reason: "exhausted",
      retryable: false,
      body: says("pay"),
      message: "Anthropic answered 402: pay",
    },
    {
      status: 403,
      reason: "invalid",
      retryable: false,
      body: says("no access"),
      message: "the key of Anthropic was refused: no access",
    },
    {
      status: 404,
      reason: "invalid",
      retryable: false,
      body: says("model: x"),
      message: "Anthropic does not know the model or the address: Anthropic answered 404: model: x",
    },
    { status: 408, reason: "unavailable", retryable: true, body: "", message: "Anthropic answered 408" },
    { status: 409, reason: "unavailable", retryable: true, body: "{}", message: "Anthropic answered 409" },
    {
      status: 413,
      reason: "invalid",
      retryable: false,
      body: says("too large"),
      message: "Anthropic answered 413: too large",
    },
    {
      status: 429,
      reason: "unavailable",
      retryable: true,
      body: says("slow down"),
      message: "Anthropic answered 429: slow down",
    },
    {
      status: 429,
      reason: "exhausted",
      retryable: false,
      body: says("You exceeded your current quota"),
      message: "Anthropic answered 429: You exceeded your current quota",
    },
    {
      status: 500,
      reason: "unavailable",
      retryable: true,
      body: '["x"]',
      message: "Anthropic answered 500: x",
    },
    {
      status: 502,
      reason: "unavailable",
      retryable: true,
      body: "<html><head><title>502 Bad Gateway</title></head><body>secret words</body></html>",
      message: 'Anthropic answered 502: a page titled "502 Bad Gateway"',
    },
    {
      status: 503,
      reason: "unavailable",
      retryable: true,
      body: "plain\u0000 \u001b[31mwords\n",
      message: "Anthropic answered 503: plain [31mwords",
    },
    {
      status: 504,
      reason: "unavailable",
      retryable: true,
      body: says("Gateway Timeout: timed out"),
      message: "Anthropic answered 504: Gateway Timeout: timed out",
    },
    {
      status: 529,
      reason: "unavailable",
      retryable: true,
      body: says("Overloaded"),
      message: "Anthropic answered 529: Overloaded",
    },
    { status: 501, reason: "unavailable", retryable: false, body: "", message: "Anthropic answered 501" },
    {
      status: 302,
      reason: "unavailable",
      retryable: false,
      body: "",
      message: "Anthropic answered 302, a redirect, which is not followed: correct its base_url",
    },
  ])("$status is $reason: $message", async ({ status, reason, retryable, body, message }) => {
    upstream.answer({
      status,
      body,
      headers: status === 302 ? { location: `${upstream.url}/elsewhere?k=${canary}` } : {},
    });
    const before = upstream.requests.length;
    const fault = await failure("anthropic");
    expect(fault).toMatchObject({
      reason,
      message,
      detail: { retryable, provider: "anthropic", providerStatus: status },
    });
    expect(upstream.requests.length - before).toBe(1);
  });

  it("is cut to 500 characters, from a body of any size", async () => {
    upstream.answer({ status: 500, body: "x".repeat(3 * 1024 * 1024) });
    expect((await failure("openai")).message.length).toBeLessThan(540);
  });

  it.each([
    { name: "seconds", headers: { "retry-after": "3" }, wait: 3000 },
    { name: "fractions", headers: { "retry-after": "0.25" }, wait: 250 },
    { name: "nothing", headers: { "retry-after": "0" }, wait: 0 },
    { name: "less than nothing", headers: { "retry-after": "-5" }, wait: 0 },
    { name: "a date", headers: { "retry-after": "Thu, 01 Jan 2026 00:00:09 GMT" }, wait: 9000 },
    { name: "a date past", headers: { "retry-after": "Thu, 01 Jan 2020 00:00:09 GMT" }, wait: 0 },
    { name: "milliseconds", headers: { "retry-after-ms": "1500", "retry-after": "9" }, wait: 1500 },
    { name: "for ever", headers: { "retry-after": "1e9" }, wait: 2_147_483_647 },
    { name: "nonsense", headers: { "retry-after": "soon" }, wait: undefined },
    { name: "no wait", headers: {}, wait: undefined },
  ])("may ask to wait: $name", async ({ headers, wait }) => {
    upstream.answer({ status: 429, headers: { ...headers } as Record<string, string> });
    expect((await failure("openai")).detail.retryAfterMs).toBe(wait);
  });
});

describe("an error within the stream", () => {
  const anthropicError = (type: string, message = "no") =>
    anthropicStream({ type: "error", error: { type, message } });
  it.each([
    { id: "anthropic", body: anthropicError("overloaded_error"), status: 529, retryable: true },
    { id: "anthropic", body: anthropicError("rate_limit_error"), status: 429, retryable: true },
    { id: "anthropic", body: anthropicError("api_error"), status: 500, retryable: true },
    { id: "anthropic", body: anthropicError("made_up_error"), status: 500, retryable: true },
    { id: "anthropic", body: anthropicError("invalid_request_error"), status: 400, retryable: false },
    { id: "anthropic", body: anthropicError("authentication_error", canary), status: 401, retryable: false },
    {
      id: "openai",
      body: chatChunk({ content: "a" }) + sseEvent({ error: { message: "no", type: "server_error" } }),
      status: 500,
      retryable: true,
    },
    { id: "openai", body: sseEvent({ error: { message: "no", code: 502 } }), status: 502, retryable: true },
    {
      id: "openai",
      body: sseEvent({ error: { message: "no", code: "rate_limit_exceeded" } }),
      status: 429,
      retryable: true,
    },
    { id: "openai", body: sseEvent({ error: "no" }), status: 500, retryable: true },
    {
      id: "openai",
      body: sseEvent({ error: { message: "no", code: "context_length_exceeded" } }),
      status: 400,
      retryable: false,
    },
  ])("of $id is as its status $status", async ({ id, body, status, retryable }) => {
    upstream.answer({ body });
    expect((await failure(id)).detail).toMatchObject({ providerStatus: status, retryable });
  });
});

describe("a network that fails", () => {
  it("refuses the connection", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const fault = await failure("anthropic", `http://127.0.0.1:${port}`);
    expect(fault).toMatchObject({
      reason: "unavailable",
      message: "Anthropic cannot be reached (ECONNREFUSED)",
      detail: { retryable: true },
    });
  });

  it("does not know the host", async () => {
    const fault = await failure("openai", "https://nothing.invalid");
    expect(fault).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
    expect(fault.message).toMatch(/cannot be reached \((?:ENOTFOUND|EAI_AGAIN)\)/);
  });

  it("speaks no TLS", async () => {
    const server = createTlsServer({});
    server.on("tlsClientError", () => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const fault = await failure("openai", `https://127.0.0.1:${port}`);
    expect(fault).toMatchObject({ reason: "unavailable", detail: { retryable: true } });
    expect(fault.message).toMatch(/cannot be reached \([A-Z_0-9]+\)/);
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    { name: "no first byte", answer: { end: "silent" } as const },
    { name: "silence in the middle", answer: { body: sseEvent({ choices: [] }), end: "stall" } as const },
  ])("stalls: $name", async ({ answer }) => {
    upstream.answer(answer);
    const fault = await failure("openai", upstream.url, 60);
    expect(fault).toMatchObject({ reason: "timeout", detail: { retryable: true, provider: "openai" } });
    await upstream.requests.at(-1)?.closed;
  });

  it("is not idle while comments arrive", async () => {
    const pings = Array.from({ length: 12 }, () => ": ping\n\n");
    upstream.answer({ body: [...pings, chatChunk({ content: "x" }), chatChunk({}, "stop")], paceMs: 25 });
    const secrets = { openai: { origin: upstream.url, baseUrl: upstream.url } };
    const provider = await openRegistry({ secrets, idleTimeoutMs: 200 }).get("openai");
    expect((await collect(provider.stream(modelRequest(), never))).error).toBeUndefined();
  });

  it("is not idle while the reader takes its time", async () => {
    upstream.answer({ body: [chatChunk({ content: "x" }), chatChunk({}, "stop")], paceMs: 5 });
    const secrets = { openai: { origin: upstream.url, baseUrl: upstream.url } };
    const provider = await openRegistry({ secrets, idleTimeoutMs: 50 }).get("openai");
    for await (const event of provider.stream(modelRequest(), never)) {
      if (event.type === "text_delta") await new Promise((resolve) => setTimeout(resolve, 150));
    }
  });
});

describe("a key", () => {
  const forms = [
    canary,
    canary.slice(0, 12),
    encodeURIComponent(`a/${canary}+`),
    Buffer.from(canary).toString("base64"),
    createHash("sha256").update(canary).digest("hex"),
  ];
  const echo = `you sent ${canary} (${canary.slice(0, 14)}***) ${encodeURIComponent(canary)} ${Buffer.from(canary).toString("base64")} ${createHash("sha256").update(canary).digest("hex")}`;
  it.each(
    ["anthropic", "openai"].flatMap((id) => [
      ...[302, 400, 401, 403, 404, 429, 500, 502].flatMap((status) => [
        { id, status, body: says(echo), end: "finish" as const },
        { id, status, body: `<title>${echo}</title>`, end: "finish" as const },
      ]),
      {
        id,
        status: 200,
        body: anthropicStream({ type: "error", error: { type: "api_error", message: echo } }),
        end: "finish" as const,
      },
      { id, status: 200, body: `data: ${echo}\n\n`, end: "finish" as const },
      { id, status: 200, body: echo, end: "close" as const },
    ]),
  )("is in no error of $id, status $status", async ({ id, status, body, end }) => {
    upstream.answer({ status, body, end, headers: { "x-echo": canary, location: `/${canary}` } });
    const fault = await failure(id);
    for (let at: unknown = fault; at instanceof Error; at = at.cause) {
      const text = `${at.message} ${at.stack} ${JSON.stringify(at)}`;
      for (const form of forms) expect(text).not.toContain(form);
    }
  });
});

it("closes its connections", async () => {
  const transport = createTransport();
  const secrets = { openai: { origin: upstream.url, baseUrl: upstream.url } };
  upstream.answer({ body: chatChunk({}, "stop") });
  await collect((await openRegistry({ secrets, transport }).get("openai")).stream(modelRequest(), never));
  await transport.close();
  await transport.close();
});
