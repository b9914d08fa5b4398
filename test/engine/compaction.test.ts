import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { Message, Part } from "../../gen/agentry/v1/message_pb.js";
import { Purpose, Role, StopReason, UsageSchema } from "../../gen/agentry/v1/message_pb.js";
import { WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { Fault } from "../../src/core/fault.js";
import type { ModelEvent, ModelRequest } from "../../src/core/model-provider.js";
import { estimateTokens } from "../../src/engine/context.js";
import { validHistory } from "../../src/engine/history.js";
import type { Room, RoomOptions, Script } from "./room.js";
import { bodies, calls, ending, gate, kinds, openRoom, says, stalls, tool } from "./room.js";

/** An answer whose call took so many tokens. */
function* counting(tokens: number, events: Iterable<ModelEvent>): Generator<ModelEvent> {
  const quarter = tokens / 4;
  const usage = create(UsageSchema, {
    inputTokens: quarter,
    outputTokens: quarter,
    cacheReadTokens: quarter,
    cacheWriteTokens: quarter,
  });
  for (const event of events) yield event.type === "finish" ? { ...event, usage } : event;
}

/** A model of a window of 1,000 tokens whose context grows by 300 tokens with each turn. */
const growing: Script = (request, number) =>
  counting(300 * turnsOf(request.messages), says(`answer ${number}`));
const turnsOf = (messages: readonly Message[]): number =>
  messages.filter(({ role, summaryThrough }) => role === Role.USER && summaryThrough === 0).length;

const small = (options: RoomOptions = {}): Promise<Room> => openRoom(growing, { window: 1000, ...options });

/** Runs turns one after another; the events of the last one. */
async function talk(room: Room, session: string, ...texts: string[]) {
  let events: Awaited<ReturnType<Room["finished"]>> = [];
  for (const text of texts) events = await room.finished(await room.start(session, text));
  return events;
}

const wordOf = ({ content }: Part): string => {
  if (content.case === "text") return content.value.replace(/^Summary of.*:\n\n/, "= ");
  return content.case === "toolCall" || content.case === "toolResult" ? content.case : "";
};
const words = (messages: readonly Message[] = []): string[] =>
  messages.map(({ parts }) => parts.map(wordOf).join());
const textOf = (request: ModelRequest | undefined): string => words(request?.messages).join();

describe("a context that passes its share of the window", () => {
  it("is summarised before the next model call, with events before and after", async () => {
    const room = await small();
    const session = await room.session();
    await talk(room, session, "one", "two", "three");
    expect(room.compactions).toEqual([]);
    const events = await talk(room, session, "four");
    expect(kinds(events).slice(0, 7)).toEqual([
      "runStarted",
      "messageAdded",
      "compactionStarted",
      "usageUpdated",
      "messageAdded",
      "compactionFinished",
      "stepStarted",
    ]);
    const summary = (await room.messages(session))[7];
    expect(summary).toMatchObject({ role: Role.USER, index: 8, summaryThrough: 6 });
    expect(bodies(events, "compactionStarted")).toMatchObject([{ tokensBefore: 901 }]);
    const [finished] = bodies(events, "compactionFinished");
    expect(finished).toMatchObject({ tokensBefore: 901, messageId: summary?.id });
    expect(finished?.tokensAfter).toBeGreaterThan(0);
    expect(words(room.requests[3]?.messages)).toEqual(["= A summary", "four"]);
  });

  it("is shown whole to the model that summarises, the last turn aside", async () => {
    const room = await small();
    await talk(room, await room.session(), "one", "two", "three", "four");
    const [request] = room.compactions;
    expect(request).toMatchObject({ model: "one", tools: [], purpose: Purpose.COMPACTION });
    expect(request?.messages).toHaveLength(1);
    expect(textOf(request)).toMatch(/User: one\n\nAssistant: answer 1\n\nUser: two.*Assistant: answer 3/s);
    expect(textOf(request)).not.toContain("four");
  });

  it("loses nothing of what is stored", async () => {
    const room = await small();
    const session = await room.session();
    await talk(room, session, "one", "two", "three", "four");
    expect(words(await room.messages(session))).toEqual([
      ...["one", "answer 1", "two", "answer 2", "three", "answer 3", "four", "= A summary", "answer 4"],
    ]);
  });

  it("never has the same tokens summarised twice", async () => {
    const room = await small({ summary: (_request, number) => says(`summary ${number}`) });
    const session = await room.session();
    await talk(room, session, "one", "two", "three", "four", "five", "six");
    expect(room.compactions).toHaveLength(1);
    expect(words(room.requests[5]?.messages)).toEqual([
      ...["= summary 1", "four", "answer 4", "five", "answer 5", "six"],
    ]);
    await talk(room, session, "seven");
    expect(room.compactions).toHaveLength(2);
    expect(textOf(room.compactions[1])).toMatch(/summary 1\n\nUser: four.*Assistant: answer 6/s);
    expect(textOf(room.compactions[1])).not.toMatch(/one|two|three|seven/);
    expect(words(room.requests[6]?.messages)).toEqual(["= summary 2", "seven"]);
  });

  it("counts what the summary took, under its purpose", async () => {
    const room = await small();
    const session = await room.session();
    const events = await talk(room, session, "one", "two", "three", "four");
    const updates = bodies(events, "usageUpdated");
    expect(updates).toMatchObject([
      { purpose: Purpose.COMPACTION, model: "fake/one", usage: { inputTokens: 10, outputTokens: 5 } },
      { purpose: Purpose.STEP },
    ]);
    expect(updates[0]?.sessionUsage).toMatchObject({ inputTokens: 460, cacheReadTokens: 450 });
    expect(ending(events).usage).toMatchObject({ inputTokens: 85 });
    expect((await room.store.sessions.get(session))?.usage).toMatchObject({ inputTokens: 535 });
  });

  it("is sent the same after a restart", async () => {
    const first = await small();
    const session = await first.session();
    await talk(first, session, "one", "two", "three", "four");
    await first.close();
    const second = await small({ file: first.file });
    await talk(second, session, "five");
    expect(words(second.requests[0]?.messages)).toEqual(["= A summary", "four", "answer 4", "five"]);
  });
});

describe("a context is left alone", () => {
  it("after it was summarised, although no call has counted it since", async () => {
    const room = await small();
    const session = await room.session();
    await talk(room, session, "one ".repeat(500), "two", "three");
    room.answer(function* () {
      yield { type: "text_started", index: 0 };
      yield { type: "text_delta", index: 0, text: "half" };
      throw new Fault("unavailable", "cut");
    });
    await talk(room, session, "four");
    room.answer(growing);
    await talk(room, session, "five");
    expect(room.compactions).toHaveLength(1);
    expect(words(room.requests.at(-1)?.messages)).toEqual(["= A summary", "four", "half", "five"]);
  });

  it.each([
    ["while it is below the share", 1200],
    ["when the window is not known", 0],
  ])("%s", async (_name, window) => {
    const room = await openRoom(growing, { window });
    await talk(room, await room.session(), "one", "two", "three", "four");
    expect(room.compactions).toEqual([]);
  });

  it("when it is one turn", async () => {
    const room = await openRoom(
      (_request, number) => counting(960, number < 4 ? calls({ name: "look" }) : says("done")),
      { window: 1000, tools: [tool("look")] },
    );
    const events = await talk(room, await room.session(), "one");
    expect(room.compactions).toEqual([]);
    expect(bodies(events, "warningRaised")).toEqual([]);
  });
});

describe("within a run", () => {
  const look = tool("look", async () => ({ text: "x".repeat(3000), failed: false }));

  it("tool calls stay with their results, and their turn stays whole", async () => {
    const room = await openRoom(
      (_request, number) => counting(100, number === 2 ? calls({ name: "look" }) : says(`answer ${number}`)),
      { window: 1000, tools: [look] },
    );
    const session = await room.session();
    const events = await talk(room, session, "one", "two");
    // The output of the tool alone takes it over the share.
    expect(kinds(events).indexOf("compactionStarted")).toBeGreaterThan(
      kinds(events).indexOf("toolCallFinished"),
    );
    expect(words(room.requests[2]?.messages)).toEqual(["= A summary", "two", "toolCall", "toolResult"]);
    await talk(room, session, "three");
    expect(words(room.requests[3]?.messages).slice(-2)).toEqual(["answer 3", "three"]);
  });

  it("there is one compaction for one turn, whose steps are short", async () => {
    const room = await openRoom(
      (_request, number) => counting(900, number > 1 && number < 6 ? calls({ name: "look" }) : says("ok")),
      { window: 1000, tools: [tool("look")] },
    );
    await talk(room, await room.session(), "one", "two");
    expect(room.requests).toHaveLength(6);
    expect(room.compactions).toHaveLength(1);
  });

  it("a turn of many steps is cut between them, and the request is kept word for word", async () => {
    const some = tool("look", async () => ({ text: "x".repeat(600), failed: false }));
    const room = await openRoom(
      ({ messages }, number) =>
        counting(
          4 * Math.ceil(estimateTokens(messages) / 4),
          number < 30 ? calls({ name: "look", input: { number } }) : says("done"),
        ),
      { window: 1000, tools: [some], summary: (_request, number) => says(`summary ${number}`) },
    );
    const session = await room.session();
    const events = await talk(room, session, "Look 29 times, exactly as I say");
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
    for (const { messages } of room.requests) {
      expect(validHistory(messages)).toEqual(messages);
      expect(estimateTokens(messages)).toBeLessThan(1000);
      expect(messages.flatMap(({ parts }) => parts.map(wordOf)).join()).toContain("exactly as I say");
    }
    expect(room.compactions.length).toBeGreaterThan(3);
    // Each step is summarised once.
    const summarised = room.compactions.flatMap(
      (request) => textOf(request).match(/Tool call: look \S+/g) ?? [],
    );
    expect(new Set(summarised).size).toBe(summarised.length);
    expect(textOf(room.compactions[1])).toContain("summary 1");
    await talk(room, session, "and now?");
    expect(words(room.requests.at(-1)?.messages).at(-1)).toBe("and now?");
  });

  it("what was said a moment ago is summarised, too, when a message steers it", async () => {
    const door = gate();
    const room = await openRoom(
      async function* (_request, number) {
        if (number === 1) await door.wait();
        yield* counting(900, says(`answer ${number}`));
      },
      { window: 1000 },
    );
    const session = await room.session();
    const run = await room.start(session, "one");
    await door.reached;
    await room.start(session, "two", { whenBusy: WhenBusy.STEER });
    door.open();
    await room.finished(run);
    expect(words(room.requests[1]?.messages)).toEqual(["= A summary", "two"]);
    expect((await room.messages(session))[3]).toMatchObject({ index: 4, summaryThrough: 2 });
  });

  it("a long output is shortened for the summary", async () => {
    const long = tool("long", async () => ({ text: `head${"-".repeat(50_000)}tail`, failed: false }));
    const room = await openRoom(
      (_request, number) => counting(900, number === 1 ? calls({ name: "long" }) : says("ok")),
      { window: 1000, tools: [long] },
    );
    await talk(room, await room.session(), "one", "two");
    const text = textOf(room.compactions[0]);
    expect(text).toMatch(
      /Tool call: long \{\}\n\nResult of long: head-+\n\[46008 characters left out\]\n-+tail/,
    );
    expect(text.length).toBeLessThan(6000);
  });
});

describe("a compaction that fails", () => {
  const broken = (): never => {
    throw new Fault("invalid", "no such model");
  };

  it.each<[string, Script, string]>([
    ["by a fault", broken, "no such model"],
    ["for want of a summary", () => says(" "), "the model gave no summary"],
    [
      "by a refusal",
      function* () {
        for (const event of says("I will not"))
          yield event.type === "finish" ? { ...event, stopReason: StopReason.REFUSAL } : event;
      },
      "the model gave no summary",
    ],
  ])("%s is a warning, and the run goes on", async (_name, summary, why) => {
    const room = await small({ summary });
    const events = await talk(room, await room.session(), "one", "two", "three", "four");
    expect(bodies(events, "warningRaised")).toMatchObject([{ message: expect.stringContaining(why) }]);
    expect(bodies(events, "compactionFinished")).toMatchObject([
      { tokensBefore: 901, tokensAfter: 901, messageId: "" },
    ]);
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
    expect(room.requests[3]?.messages).toHaveLength(7);
  });

  it("is tried again while its faults may pass", async () => {
    const passing = new Fault("unavailable", "busy", { retryable: true });
    const room = await small({
      summary: (_request, number) => {
        if (number < 3) throw passing;
        return says("third time");
      },
    });
    await talk(room, await room.session(), "one", "two", "three", "four");
    expect(words(room.requests[3]?.messages)).toEqual(["= third time", "four"]);
  });

  it("is not tried again before there is more to summarise", async () => {
    const room = await openRoom(
      (_request, number) => counting(900, number === 2 ? calls({ name: "look" }) : says("ok")),
      { window: 1000, tools: [tool("look")], summary: broken },
    );
    const session = await room.session();
    await talk(room, session, "one", "two");
    expect(room.requests).toHaveLength(3);
    expect(room.compactions).toHaveLength(1);
    await talk(room, session, "three");
    expect(room.compactions).toHaveLength(2);
  });

  it("by a cancel is finished in the log, like everything else", async () => {
    const room = await small({
      summary: (_request, _number, signal) => stalls("A sum", signal),
    });
    const session = await room.session();
    await talk(room, session, "one", "two", "three");
    const run = await room.start(session, "four");
    await expect.poll(() => room.compactions.length).toBe(1);
    await room.engine.cancel(run.id);
    const events = await room.finished(run);
    expect(ending(events).outcome).toBe(RunOutcome.CANCELED);
    expect(bodies(events, "compactionFinished")).toMatchObject([{ tokensAfter: 901, messageId: "" }]);
    expect(bodies(events, "warningRaised")).toEqual([]);
  });
});
