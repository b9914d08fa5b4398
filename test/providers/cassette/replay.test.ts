import { existsSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { Purpose, Role, StopReason } from "../../../gen/agentry/v1/message_pb.js";
import type { ModelEvent, ModelRequest } from "../../../src/core/model-provider.js";
import { openReplay } from "../../../src/providers/cassette/replay.js";
import { answerText, collect, modelRequest, openRegistry, textMessage } from "../open-registry.js";
import { toolRound } from "./tool-round.js";

const folder = "../shared/data/cagent/cassettes";
const present = existsSync(folder);

const question = "How many files in testdata/working_dir? Only output the number.";
const listing = { name: "list_directory", input: { path: "testdata/working_dir" } };

async function replay(file: string, providerId: string) {
  const { transport, counts } = await openReplay({ file });
  const provider = await openRegistry({ transport }).get(providerId);
  const ask = (given: Partial<ModelRequest>): Promise<{ events: ModelEvent[]; error: unknown }> =>
    collect(provider.stream(modelRequest(given), new AbortController().signal));
  return { ask, counts };
}

describe("recorded cassettes", () => {
  beforeEach((context) => {
    context.skip(!present, `the recorded cassettes are not at ${folder}`);
  });

  it.each([
    { file: "TestExec_Anthropic", provider: "anthropic", model: "claude-sonnet-4-0", text: "2 + 2 = 4" },
    { file: "TestExec_Mistral", provider: "mistral", model: "mistral-small", text: "The sum of 2 + 2 is 4." },
    { file: "TestRuntime_OpenAI_Basic", provider: "openai", model: "gpt-3.5-turbo", text: "2 + 2 equals 4." },
  ])("$file answers", async ({ file, provider, model, text }) => {
    const { ask } = await replay(`${folder}/${file}`, provider);
    const { events, error } = await ask({ model });
    expect(error).toBeUndefined();
    expect(answerText(events)).toBe(text);
    expect(events.at(-1)).toMatchObject({ type: "finish", stopReason: StopReason.END });
  });

  it.each([
    { file: "TestExec_Anthropic_ToolCall", provider: "anthropic", model: "claude-sonnet-4-0" },
    { file: "TestExec_OpenAI_ToolCall", provider: "openai", model: "gpt-4o" },
  ])("$file calls a tool and goes on", async ({ file, provider, model }) => {
    const { ask } = await replay(`${folder}/${file}.yaml`, provider);
    const first = await ask({ model, messages: [textMessage(Role.USER, question)] });
    const call = first.events.find((event) => event.type === "tool_input_finished");
    expect(call?.name).toBe(listing.name);
    expect(JSON.parse(call?.json ?? "")).toEqual(listing.input);
    expect(first.events.at(-1)).toMatchObject({ stopReason: StopReason.TOOL_CALLS });
    const second = await ask({ model, messages: toolRound(question, listing, "FILE README.me\n") });
    expect(answerText(second.events)).toBe("1");
  });

  it("keeps the title apart from the answer", async () => {
    const { ask } = await replay(`${folder}/TestRuntime_OpenAI_Basic`, "openai");
    const messages = [textMessage(Role.USER, "Give this a name: What's 2+2?")];
    const title = await ask({ model: "gpt-3.5-turbo", purpose: Purpose.TITLE, messages });
    expect(answerText(title.events)).toBe("Simple Math: Addition of 2 and 2");
    expect(answerText((await ask({ model: "gpt-3.5-turbo" })).events)).toBe("2 + 2 equals 4.");
  });

  it.each([
    { file: "TestExec_OpenAI_gpt5", api: "openai-responses" },
    { file: "TestExec_ToolCallsNeedAcceptance", api: "openai-responses" },
    { file: "TestExec_Gemini", api: "gemini" },
  ])("$file is known to be for $api, and is never mistaken", async ({ file, api }) => {
    const { ask, counts } = await replay(`${folder}/${file}`, "openai");
    expect(Object.keys(counts)).toEqual([api]);
    const { error } = await ask({ model: "gpt-5" });
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: false } });
    expect(String(error)).toContain(`is for ${api}`);
  });
});

describe("the demonstration", () => {
  const ask = "What is in this folder?";
  const ls = { name: "bash", input: { command: "ls" } };

  it("plays for every session anew", async () => {
    const demo = await replay("src/cli/demo", "anthropic");
    for (const sessionId of ["a", "b"]) {
      const first = await demo.ask({ sessionId, messages: [textMessage(Role.USER, ask)] });
      expect(first.error).toBeUndefined();
      const call = first.events.find((event) => event.type === "tool_input_finished");
      expect([call?.name, JSON.parse(call?.json ?? "")]).toEqual([ls.name, ls.input]);
      const title = await demo.ask({ sessionId, purpose: Purpose.TITLE });
      expect(answerText(title.events)).toBe("Files in this folder");
      const second = await demo.ask({ sessionId, messages: toolRound(ask, ls, "README.md") });
      expect(second.events.filter(({ type }) => type === "text_delta").length).toBeGreaterThanOrEqual(25);
    }
  });

  it("says why it has no answer", async () => {
    const demo = await replay("src/cli/demo.yaml", "anthropic");
    const messages = [textMessage(Role.USER, "Something else")];
    const other = await demo.ask({ model: "claude-opus-5-20260101", messages });
    expect(other.error).toMatchObject({ reason: "unavailable", detail: { retryable: false } });
    expect(String(other.error)).toMatch(
      /step request: anthropic-messages, model "claude-opus-5", last user text "Something else", 0 tool results; the closest, no\. 0, has the user text "What is in this folder\?"/,
    );
    await demo.ask({ messages: [textMessage(Role.USER, ask)] });
    const again = await demo.ask({ messages: [textMessage(Role.USER, ask)] });
    expect(String(again.error)).toContain("was used in this session");
  });

  it("can be paced, and aborted meanwhile", async () => {
    const { transport } = await openReplay({ file: "src/cli/demo", delayMs: 1 });
    const provider = await openRegistry({ transport }).get("anthropic");
    const controller = new AbortController();
    const request = modelRequest({ messages: [textMessage(Role.USER, ask)] });
    const run = async () => {
      for await (const event of provider.stream(request, controller.signal)) {
        if (event.type === "text_delta") controller.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ reason: "canceled" });
  });

  it("answers in its own order when that is asked for", async () => {
    const { transport } = await openReplay({ file: "src/cli/demo", match: "sequence" });
    const provider = await openRegistry({ transport }).get("anthropic");
    const { events } = await collect(provider.stream(modelRequest(), new AbortController().signal));
    expect(events.at(-1)).toMatchObject({ stopReason: StopReason.TOOL_CALLS });
  });
});
