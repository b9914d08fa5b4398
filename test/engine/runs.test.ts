import { describe, expect, it } from "vitest";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { Role, ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { validHistory } from "../../src/engine/history.js";
import type { ScriptedCall } from "./room.js";
import { bodies, calls, ending, gate, kinds, openRoom, says, tool } from "./room.js";

describe("a run", () => {
  it("answers, with its events in order and its history on record", async () => {
    const room = await openRoom(() => says("Hello.", ["Hel", "lo."]));
    const session = await room.session();
    const events = await room.finished(await room.start(session, "Hi"));
    expect(kinds(events)).toEqual([
      "runStarted",
      "messageAdded",
      "stepStarted",
      "textStarted",
      "textFinished",
      "stepFinished",
      "usageUpdated",
      "messageAdded",
      "runFinished",
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, i) => i + 1));
    expect(ending(events)).toMatchObject({
      outcome: RunOutcome.COMPLETED,
      steps: 1,
      usage: { inputTokens: 10 },
    });
    expect((await room.messages(session)).map(({ role }) => role)).toEqual([Role.USER, Role.ASSISTANT]);
    expect(await room.store.runs.get(events[0]?.runId ?? "")).toMatchObject({
      firstSeq: 1,
      lastSeq: events.length,
    });
  });

  it("feeds results back until the model asks for no more", async () => {
    const room = await openRoom((_request, number) => (number < 3 ? calls({ name: "add" }) : says("3")), {
      tools: [tool("add")],
    });
    const session = await room.session();
    const events = await room.finished(await room.start(session, "go"));
    expect(ending(events)).toMatchObject({
      outcome: RunOutcome.COMPLETED,
      steps: 3,
      usage: { outputTokens: 15 },
    });
    expect(room.requests.map(({ messages }) => messages.length)).toEqual([1, 3, 5]);
    expect(validHistory(await room.messages(session))).toEqual(await room.messages(session));
  });

  it("says so when the model says nothing at all", async () => {
    const room = await openRoom(() => calls());
    const session = await room.session();
    expect(ending(await room.finished(await room.start(session, "go"))).outcome).toBe(RunOutcome.COMPLETED);
    expect(await room.messages(session)).toHaveLength(1);
  });

  it("ends at its step limit, with every call answered", async () => {
    let ran = 0;
    const count = tool("add", async () => {
      ran += 1;
      return { text: "", failed: false };
    });
    const room = await openRoom(() => calls({ name: "add" }), { tools: [count] });
    const session = await room.session({ agent: { maxSteps: 3 } });
    const events = await room.finished(await room.start(session, "go"));
    expect(ending(events)).toMatchObject({ outcome: RunOutcome.LIMIT_REACHED, steps: 3 });
    expect(ran).toBe(2);
    expect(bodies(events, "toolCallFinished").at(-1)?.result?.status).toBe(ToolCallStatus.CANCELED);
    expect(validHistory(await room.messages(session))).toEqual(await room.messages(session));
  });
});

describe("tool calls", () => {
  async function runCall(call: ScriptedCall, mode = ApprovalMode.AUTO) {
    const inputs: object[] = [];
    const add = tool("add", async (input) => {
      inputs.push(input);
      return { text: "", failed: false };
    });
    const room = await openRoom((_request, number) => (number === 1 ? calls(call) : says("ok")), {
      tools: [add],
    });
    const events = await room.finished(await room.start(await room.session({ mode }), "go"));
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
    return { inputs, result: bodies(events, "toolCallFinished")[0]?.result, second: room.requests[1] };
  }

  it.each([
    ["no arguments", ""],
    ["an empty object", "{}"],
  ])("run with %s", async (_name, json) => {
    expect((await runCall({ name: "add", json })).inputs).toEqual([{}]);
  });

  it.each([
    ["cut JSON", '{"a":'],
    ["a list", "[]"],
    ["a number beyond a double", '{"a":1e999}'],
    ["a prototype", '{"__proto__":{"a":1}}'],
    ["depth", `${'{"a":'.repeat(100)}1${"}".repeat(100)}`],
    ["a huge text", `{"a":"${"x".repeat(2_000_000)}"}`],
  ])("do not run with %s, and the model is told", async (_name, json) => {
    const { inputs, result, second } = await runCall({ name: "add", json });
    expect(inputs).toEqual([]);
    expect(result).toMatchObject({ status: ToolCallStatus.FAILED });
    expect(result?.output).toMatch(/not a JSON object/);
    expect(second?.messages.at(-1)?.parts[0]?.content.value).toMatchObject({ output: result?.output });
  });

  it("of a tool that the agent does not have fail", async () => {
    const { inputs, result } = await runCall({ name: "ad\r\n\r\nd" });
    expect(inputs).toEqual([]);
    expect(result).toMatchObject({
      status: ToolCallStatus.FAILED,
      output: 'There is no tool "ad\\r\\n\\r\\nd".',
    });
  });

  it("that change something are denied in a read-only session", async () => {
    const { inputs, result } = await runCall({ name: "add" }, ApprovalMode.READ_ONLY);
    expect(inputs).toEqual([]);
    expect(result?.status).toBe(ToolCallStatus.DENIED);
  });

  it.each([
    ["throws", async () => Promise.reject(new Error("a secret"))],
    ["answers that it failed", async () => ({ text: "no", failed: true })],
  ])("of a tool that %s fail", async (_name, run) => {
    const room = await openRoom((_request, number) => (number === 1 ? calls({ name: "add" }) : says("ok")), {
      tools: [tool("add", run as never)],
    });
    const events = await room.finished(await room.start(await room.session(), "go"));
    const result = bodies(events, "toolCallFinished")[0]?.result;
    expect(result?.status).toBe(ToolCallStatus.FAILED);
    expect(result?.output).not.toContain("secret");
  });

  it.each([
    ["the provider's where they are usable", ["a", "b-1_C"], ["a", "b-1_C"]],
    ["new ones for those that came before", ["a", "a"], ["a", expect.stringMatching(/^call_\w{26}$/)]],
    [
      "new ones for hostile ones",
      ["a\nb", ""],
      [expect.stringMatching(/^call_/), expect.stringMatching(/^call_/)],
    ],
  ])("have ids: %s", async (_name, ids, expected) => {
    const wanted = ids.map((id) => ({ name: "look", id }));
    const room = await openRoom((_request, number) => (number === 1 ? calls(...wanted) : says("ok")), {
      tools: [tool("look", undefined, true)],
    });
    const events = await room.finished(await room.start(await room.session(), "go"));
    expect(bodies(events, "toolInputStarted").map(({ toolCallId }) => toolCallId)).toEqual(expected);
    expect(bodies(events, "toolCallFinished")).toHaveLength(2);
  });

  it("that only read run beside each other", async () => {
    const both = [gate(), gate()];
    let began = 0;
    const look = tool(
      "look",
      async () => {
        both[began++]?.open();
        await Promise.all(both.map(({ passed }) => passed));
        return { text: "", failed: false };
      },
      true,
    );
    const room = await openRoom(
      (_request, number) => (number === 1 ? calls({ name: "look" }, { name: "look" }) : says("ok")),
      { tools: [look] },
    );
    const events = await room.finished(await room.start(await room.session(), "go"));
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("that change something run one at a time, in order", async () => {
    const log: string[] = [];
    const change = tool("change", async ({ n }) => {
      log.push(`in ${n}`);
      await new Promise(setImmediate);
      log.push(`out ${n}`);
      return { text: "", failed: false };
    });
    const wanted = [1, 2, 3].map((n) => ({ name: "change", input: { n } }));
    const room = await openRoom((_request, number) => (number === 1 ? calls(...wanted) : says("ok")), {
      tools: [change],
    });
    await room.finished(await room.start(await room.session(), "go"));
    expect(log).toEqual(["in 1", "out 1", "in 2", "out 2", "in 3", "out 3"]);
  });

  it("are on record before they can have an effect", async () => {
    const seen: string[][] = [];
    let look: () => Promise<string[]> = async () => [];
    const change = tool("change", async () => {
      seen.push(await look());
      return { text: "", failed: false };
    });
    const room = await openRoom(
      (_request, number) => (number === 1 ? calls({ name: "change" }) : says("ok")),
      { tools: [change] },
    );
    const session = await room.session();
    look = async () => kinds(await room.events(session));
    await room.finished(await room.start(session, "go"));
    expect(seen[0]).toContain("toolCallStarted");
  });
});
