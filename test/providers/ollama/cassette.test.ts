import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Purpose, Role } from "../../../gen/agentry/v1/message_pb.js";
import { createRedactor } from "../../../src/core/redactor.js";
import { describeRequest } from "../../../src/providers/cassette/describe.js";
import { openRecorder } from "../../../src/providers/cassette/record.js";
import { openReplay } from "../../../src/providers/cassette/replay.js";
import { createTransport } from "../../../src/providers/http-transport.js";
import { toOllamaRequest } from "../../../src/providers/ollama/request.js";
import type { Transport } from "../../../src/providers/transport.js";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { ollamaAnswer, startFakeUpstream } from "../../support/fake-upstream.js";
import { toolRound } from "../cassette/tool-round.js";
import { answerText, collect, modelRequest, openRegistry, textMessage } from "../open-registry.js";

const question = "How many files?";
const listing = { name: "list", input: { path: "a" } };
const asked = { messages: [textMessage(Role.USER, question)] };

describe("a request to Ollama", () => {
  it("is told from others by what was said and called", () => {
    const body = JSON.stringify(
      toOllamaRequest(modelRequest({ model: "qwen3:8b", messages: toolRound(question, listing, "a") })),
    );
    const url = "http://127.0.0.1:11434/api/chat";
    expect(describeRequest({ method: "POST", url, body, purpose: undefined })).toMatchObject({
      api: "ollama-chat",
      purpose: Purpose.STEP,
      model: "qwen3:8b",
      items: [
        { kind: "user", text: question },
        { kind: "call", text: 'list {"path":"a"}' },
        { kind: "result", text: "" },
      ],
      userText: question,
      toolResults: 1,
    });
  });
});

describe("a cassette of Ollama", () => {
  let folder: string;
  let upstream: FakeUpstream;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "agentry-ollama-"));
    upstream = await startFakeUpstream((_, number) => ({
      body: number === 1 ? ollamaAnswer(["Let me see.", listing]) : ollamaAnswer(["Grüße: 1"]),
    }));
  });
  afterEach(async () => {
    await upstream.close();
    await rm(folder, { recursive: true });
  });

  const askThrough = async (transport: Transport, given: Parameters<typeof modelRequest>[0]) => {
    const provider = await openRegistry({ transport, environment: { OLLAMA_HOST: upstream.url } }).get(
      "ollama",
    );
    return await collect(provider.stream(modelRequest(given), new AbortController().signal));
  };

  it("is replayed as it was recorded, whatever the ids, the limits and the address", async () => {
    const file = join(folder, "ollama");
    const recorder = await openRecorder({
      file,
      transport: createTransport(),
      redactor: createRedactor(),
      onError: (error) => expect.fail(String(error)),
    });
    const first = await askThrough(recorder, asked);
    const second = await askThrough(recorder, { messages: toolRound(question, listing, "a") });
    await recorder.close();
    expect(answerText(second.events)).toBe("Grüße: 1");

    for (const delayMs of [0, 1]) {
      const { transport, counts } = await openReplay({ file, delayMs });
      expect(counts).toEqual({ "ollama-chat": 2 });
      const baseUrl = "http://127.0.0.1:9";
      const messages = toolRound(question, listing, "b");
      expect(await askThrough(transport, { messages, baseUrl, maxTokens: 9 })).toEqual(second);
      expect(await askThrough(transport, { ...asked, baseUrl })).toEqual(first);
    }
    expect(upstream.requests).toHaveLength(2);
  });
});
