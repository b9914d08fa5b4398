import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Purpose, Role } from "../../gen/agentry/v1/message_pb.js";
import { CompactSessionRequestSchema, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { SessionSchema } from "../../gen/agentry/v1/sessions_pb.js";
import { Fault } from "../../src/core/fault.js";
import { newId } from "../../src/core/id.js";
import { validHistory } from "../../src/engine/history.js";
import { textPart } from "../../src/engine/run-progress.js";
import { createRunService } from "../../src/services/run.js";
import { imageType } from "../../src/tools/image-type.js";
import type { Room, RoomOptions } from "./room.js";
import { bodies, calls, gate, kinds, never, openRoom, says, stalls, tool } from "./room.js";

const long = "word ".repeat(200);

/** A room whose session has two turns, the first of them long. */
async function talked(options: RoomOptions = {}) {
  const room = await openRoom((_request, number) => says(number === 1 ? long : `answer ${number}`), options);
  const session = await room.session();
  for (const text of ["one", "two"]) await room.finished(await room.start(session, text));
  return { room, session };
}

const textsOf = (messages: readonly Message[] = []): string[] =>
  messages.map(({ parts }) => String(parts[0]?.content.value).replace(/^Summary of.*:\n\n/, "= "));

/** What the model is sent with the next message. */
async function nextHistory(room: Room, session: string, text: string): Promise<string[]> {
  await room.finished(await room.start(session, text));
  return textsOf(room.requests.at(-1)?.messages);
}

describe("compacting a session", () => {
  it("summarises all turns but the last, although the window is not known", async () => {
    const { room, session } = await talked();
    const { tokensBefore, tokensAfter, message } = await room.engine.compact(session, never);
    expect(message).toMatchObject({ index: 5, summaryThrough: 2, sessionId: session, runId: "" });
    expect(tokensBefore).toBe(15);
    expect(tokensAfter).toBeLessThan(tokensBefore);
    expect(await nextHistory(room, session, "three")).toEqual(["= A summary", "two", "answer 2", "three"]);
    expect(textsOf(await room.messages(session))).toHaveLength(7);
  });

  it("tells of it in events that belong to no run", async () => {
    const { room, session } = await talked();
    const before = (await room.events(session)).length;
    const { message, ...tokens } = await room.engine.compact(session, never);
    const events = (await room.events(session)).slice(before);
    expect(kinds(events)).toEqual([
      ...["compactionStarted", "usageUpdated", "messageAdded", "compactionFinished"],
    ]);
    expect(events.map(({ runId }) => runId).join("")).toBe("");
    expect(bodies(events, "messageAdded")[0]?.message).toMatchObject({ id: message?.id, index: 5 });
    expect(bodies(events, "compactionFinished")).toMatchObject([{ ...tokens, messageId: message?.id }]);
    expect(bodies(events, "usageUpdated")).toMatchObject([
      { purpose: Purpose.COMPACTION, usage: { inputTokens: 10 }, sessionUsage: { inputTokens: 30 } },
    ]);
    expect((await room.store.sessions.get(session))?.usage).toMatchObject({ inputTokens: 30 });
  });

  it("does nothing where nothing is left to summarise", async () => {
    const { room, session } = await talked();
    await room.engine.compact(session, never);
    const events = await room.events(session);
    const again = await room.engine.compact(session, never);
    expect(again.message).toBeUndefined();
    expect(again.tokensAfter).toBe(again.tokensBefore);
    expect(room.compactions).toHaveLength(1);
    expect(await room.events(session)).toEqual(events);
    expect(await room.engine.compact(await room.session(), never)).toMatchObject({ tokensBefore: 0 });
  });

  it("gives the same history after a restart, and goes on from the summary", async () => {
    const { room, session } = await talked();
    await room.engine.compact(session, never);
    await room.close();
    const { file } = room;
    const second = await openRoom(() => says("answer 3"), { file, summary: () => says("Another") });
    expect(await nextHistory(second, session, "three")).toEqual(["= A summary", "two", "answer 2", "three"]);
    await second.engine.compact(session, never);
    expect(textsOf(second.compactions[0]?.messages)[0]).toMatch(
      /A summary\n\nUser: two\n\nAssistant: answer 2/,
    );
    expect(await nextHistory(second, session, "four")).toEqual(["= Another", "three", "answer 3", "four"]);
  });

  it("is the service's method", async () => {
    const { room, session } = await talked();
    const { store, engine } = room;
    const request = create(CompactSessionRequestSchema, { sessionId: session });
    const call = { signal: never, requestHeader: new Headers() };
    const { message } = await createRunService({ store, engine, imageType }).compactSession(request, call);
    expect(message?.summaryThrough).toBe(2);
  });

  it("takes the agent that answered last where the session has none", async () => {
    const { room, session } = await talked();
    const agentId = (await room.store.sessions.get(session))?.agentId ?? "";
    const own = create(SessionSchema, { id: newId(), title: "Given", usage: {} });
    await room.store.sessions.insert(own);
    for (const text of ["a", "b"]) await room.finished(await room.start(own.id, text, { agentId }));
    expect((await room.engine.compact(own.id, never)).message).toBeDefined();
  });
});

describe("a compaction is refused", () => {
  it("while the session has a run", async () => {
    const { room, session } = await talked();
    const door = gate();
    room.answer(async function* () {
      await door.wait();
      yield* says("ok");
    });
    const run = await room.start(session, "three");
    const queued = await room.start(session, "four", { whenBusy: WhenBusy.QUEUE });
    const metadata = { session_id: session, run_id: run.id };
    await expect(room.engine.compact(session, never)).rejects.toMatchObject({
      reason: "busy",
      detail: { metadata },
    });
    door.open();
    await room.finished(queued);
    expect((await room.engine.compact(session, never)).message?.summaryThrough).toBe(6);
  });

  it("for a session that is not there", async () => {
    const { room } = await talked();
    await expect(room.engine.compact("none", never)).rejects.toMatchObject({ reason: "not_found" });
  });

  it("when another writer has taken the session; the next one knows what that wrote", async () => {
    const { room, session } = await talked();
    const epoch = await room.store.sessions.claim(session);
    const message = create(MessageSchema, { id: newId(), role: Role.USER, parts: [textPart("theirs")] });
    await room.store.commit([{ sessionId: session, epoch, writes: [{ type: "message", message }] }]);
    await expect(room.engine.compact(session, never)).rejects.toMatchObject({ reason: "busy" });
    expect(await room.messages(session)).toHaveLength(5);
    expect((await room.engine.compact(session, never)).message).toMatchObject({
      index: 6,
      summaryThrough: 4,
    });
  });
});

describe("a compaction that fails", () => {
  it("leaves the session as it was, and may be asked for again", async () => {
    const { room, session } = await talked({
      summary: (_request, number) => {
        if (number === 1) throw new Fault("forbidden", "no credit", { providerStatus: 403 });
        return says("At last");
      },
    });
    const events = await room.events(session);
    await expect(room.engine.compact(session, never)).rejects.toMatchObject({ reason: "forbidden" });
    expect(await room.events(session)).toEqual(events);
    await room.engine.compact(session, never);
    expect(await nextHistory(room, session, "three")).toEqual(["= At last", "two", "answer 2", "three"]);
  });

  it("for want of a summary is counted all the same", async () => {
    const { room, session } = await talked({ summary: () => says("") });
    await expect(room.engine.compact(session, never)).rejects.toMatchObject({ reason: "unavailable" });
    expect((await room.store.sessions.get(session))?.usage).toMatchObject({ inputTokens: 30 });
    expect(await room.messages(session)).toHaveLength(4);
    expect(bodies(await room.events(session), "compactionFinished")).toMatchObject([
      { tokensBefore: 15, tokensAfter: 15, messageId: "" },
    ]);
  });

  it.each<[string, (room: Room, session: string, left: AbortController) => unknown]>([
    ["its caller leaves", (_room, _session, left) => left.abort()],
    ["the session is deleted", (room, session) => room.engine.deleteSession(session)],
    ["the server stops", (room) => room.engine.close(0)],
  ])("ends when %s", async (_name, end) => {
    const { room, session } = await talked({ summary: (_request, _number, signal) => stalls("A", signal) });
    const left = new AbortController();
    const compaction = room.engine.compact(session, left.signal);
    const ended = expect(compaction).rejects.toMatchObject({ reason: "canceled" });
    await expect.poll(() => room.compactions.length).toBe(1);
    await end(room, session, left);
    await ended;
    expect(kinds(await room.events(session))).not.toContain("compactionStarted");
  });
});

it("writes nothing once its caller has left, whatever the provider still says", async () => {
  const door = gate();
  const { room, session } = await talked({
    summary: async function* () {
      await door.wait();
      yield* says("Too late");
    },
  });
  const left = new AbortController();
  const ended = expect(room.engine.compact(session, left.signal)).rejects.toMatchObject({
    reason: "canceled",
  });
  await door.reached;
  left.abort();
  door.open();
  await ended;
  expect(await room.messages(session)).toHaveLength(4);
});

it("a run that is asked for meanwhile begins after it", async () => {
  const door = gate();
  const { room, session } = await talked({
    summary: async function* () {
      await door.wait();
      yield* says("A summary");
    },
  });
  const compaction = room.engine.compact(session, never);
  await door.reached;
  const started = room.start(session, "three");
  door.open();
  await compaction;
  await room.finished(await started);
  expect(textsOf(room.requests.at(-1)?.messages)).toEqual(["= A summary", "two", "answer 2", "three"]);
});

it("shortens a session of one long turn to its last step, which is enough for the next", async () => {
  const room = await openRoom(
    (_request, number) => (number < 4 ? calls({ name: "look", input: { number } }) : says("done")),
    { tools: [tool("look")], window: 100_000 },
  );
  const session = await room.session();
  await room.finished(await room.start(session, "look thrice"));
  const { message } = await room.engine.compact(session, never);
  expect(message).toMatchObject({ index: 9, summaryThrough: 7 });
  expect((await room.engine.compact(session, never)).message).toBeUndefined();
  await room.finished(await room.start(session, "more"));
  const sent = room.requests.at(-1)?.messages ?? [];
  expect(validHistory(sent)).toEqual(sent);
  expect(sent.map(({ parts }) => parts.map(({ content }) => content.value))).toEqual([
    [expect.stringMatching(/A summary\n\nWhat the user has asked for.*:$/s), "look thrice"],
    ["done"],
    ["more"],
  ]);
});
