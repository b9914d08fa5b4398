import { copyFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { ElicitationState, RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import type { ToolContext } from "../../src/core/tool.js";
import type { Room, RoomOptions, Script } from "./room.js";
import { bodies, calls, databaseFile, ending, gate, kinds, openRoom, says, tool } from "./room.js";

const { ACCEPTED, CANCELED, PENDING } = ElicitationState;
const question = { message: "Which color?" };
const output = { text: "done", failed: false };

type Work = (context: ToolContext, signal: AbortSignal) => Promise<typeof output>;

/** A room whose model calls the tool `ask`, which does `work`, and then says that it is done. */
const roomOf = (work: Work, options: RoomOptions = {}) =>
  openRoom((_request, number) => (number === 1 ? calls({ name: "ask", id: "call-1" }) : says("ok")), {
    ...options,
    tools: [tool("ask", (_input, context, signal) => work(context, signal))],
  });

async function questionOf(room: Room): Promise<string> {
  const waiting = () => room.store.elicitations.list({ state: PENDING });
  await expect.poll(async () => (await waiting()).length).toBe(1);
  return (await waiting())[0]!.id;
}

/** What became of the call and of its question, in their order. */
const course = (events: readonly Event[]) =>
  kinds(events).filter((kind) => /^(toolCall|elicitation)/.test(kind));
const whole = ["toolCallStarted", "elicitationRequested", "elicitationResolved", "toolCallFinished"];

async function expectCanceled(room: Room, events: readonly Event[], id: string): Promise<void> {
  expect(course(events)).toEqual(whole);
  expect(bodies(events, "elicitationResolved")).toMatchObject([{ elicitation: { id, state: CANCELED } }]);
  expect(await room.store.elicitations.get(id)).toMatchObject({ state: CANCELED });
  const late = room.engine.elicitations.resolve(id, { state: ACCEPTED, content: { color: "red" } });
  await expect(late).rejects.toMatchObject({ reason: "conflict" });
}

describe("a question that is open when its call", () => {
  it.each([
    ["returns", async () => output, ToolCallStatus.SUCCEEDED],
    ["fails", () => Promise.reject(new Error("broken")), ToolCallStatus.FAILED],
  ] as const)("%s is canceled first, and the run goes on", async (_name, end, status) => {
    const answers: unknown[] = [];
    const left = gate();
    const room = await roomOf(async (context) => {
      void context.elicit(question).then((answer) => answers.push(answer));
      await left.wait();
      return end();
    });
    const run = await room.start(await room.session(), "go");
    const id = await questionOf(room);
    expect(await room.store.runs.get(run.id)).toMatchObject({ state: RunState.WAITING });
    left.open();
    const events = await room.finished(run);
    await expectCanceled(room, events, id);
    expect(answers).toMatchObject([{ action: "cancel" }]);
    expect(bodies(events, "toolCallFinished")).toMatchObject([{ result: { status } }]);
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("returns keeps an answer that came before", async () => {
    const left = gate();
    const room = await roomOf(async (context) => {
      void context.elicit(question);
      await left.wait();
      return output;
    });
    const run = await room.start(await room.session(), "go");
    const id = await questionOf(room);
    const answer = room.engine.elicitations.resolve(id, { state: ACCEPTED });
    left.open();
    await answer;
    const events = await room.finished(run);
    expect(course(events)).toEqual(whole);
    expect(bodies(events, "elicitationResolved")).toMatchObject([{ elicitation: { state: ACCEPTED } }]);
  });

  it("is canceled with its run is canceled first", async () => {
    const room = await roomOf(async (context) => {
      await context.elicit(question);
      return output;
    });
    const run = await room.start(await room.session(), "go");
    const id = await questionOf(room);
    await room.engine.cancel(run.id);
    await expectCanceled(room, await room.finished(run), id);
  });

  it("is cut by a crash is canceled first", async () => {
    const room = await roomOf(async (context) => {
      await context.elicit(question);
      return output;
    });
    const run = await room.start(await room.session(), "go");
    const id = await questionOf(room);
    const file = databaseFile();
    for (const suffix of ["", "-wal"]) copyFileSync(room.file + suffix, file + suffix);
    const after = await openRoom(() => says("ok"), { file });
    const events = await after.finished(run);
    await expectCanceled(after, events, id);
    expect(ending(events).outcome).toBe(RunOutcome.INTERRUPTED);
  });

  it("of another run with the same id ends goes on waiting", async () => {
    let asking = 0;
    const ask = tool("ask", async (_input, context) => {
      asking += 1;
      const isFirst = asking === 1;
      const asked = context.elicit(question);
      if (isFirst) await asked;
      return output;
    });
    const script: Script = ({ messages }) =>
      messages.length === 1 ? calls({ name: "ask", id: "call-1" }) : says("ok");
    const room = await openRoom(script, { tools: [ask] });
    const first = await room.start(await room.session(), "go");
    const id = await questionOf(room);
    await room.finished(await room.start(await room.session(), "go"));
    expect(await room.store.elicitations.get(id)).toMatchObject({ state: PENDING });
    await room.engine.elicitations.resolve(id, { state: ACCEPTED });
    expect(ending(await room.finished(first)).outcome).toBe(RunOutcome.COMPLETED);
  });
});

it.each(["has returned", "was left behind"])("a call that %s asks nothing", async (how) => {
  const [late, step] = [gate(), gate()];
  const asked = Promise.withResolvers<unknown>();
  const ask = tool("ask", async (_input, context) => {
    const asking = late.wait().then(() => context.elicit(question));
    asking.then(asked.reject, asked.resolve);
    if (how === "was left behind") await asking;
    return output;
  });
  const room = await openRoom(
    async function* (_request, number) {
      if (number === 1) return yield* calls({ name: "ask" });
      await step.wait();
      yield* says("ok");
    },
    { tools: [ask], stopMs: 1 },
  );
  const session = await room.session();
  const run = await room.start(session, "go");
  await late.reached;
  if (how === "was left behind") {
    await room.engine.cancel(run.id);
    await room.finished(run);
  } else {
    await step.reached;
  }
  late.open();
  expect(await asked.promise).toMatchObject({ reason: "canceled" });
  step.open();
  await room.finished(run);
  await room.finished(await room.start(session, "again"));
  expect(kinds(await room.events(session))).not.toContain("elicitationRequested");
});
