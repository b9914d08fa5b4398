import { describe, expect, it } from "vitest";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { RunState, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { bodies, calls, ending, gate, kinds, openRoom, said, says, stalls, tool } from "./room.js";

const queue = { whenBusy: WhenBusy.QUEUE };

describe("cancel", () => {
  const ended = async (
    start: Parameters<typeof openRoom>[0],
    options: Parameters<typeof openRoom>[1] = {},
  ) => {
    const room = await openRoom(start, options);
    const session = await room.session();
    const run = await room.start(session, "go");
    return { room, session, run };
  };

  it("ends a run whose model has stalled, and keeps what it said", async () => {
    const { room, session, run } = await ended((_request, _number, signal) => stalls("half", signal));
    await expect.poll(async () => kinds(await room.events(session))).toContain("textStarted");
    expect((await room.engine.cancel(run.id)).state).toBeGreaterThanOrEqual(RunState.CANCELING);
    const events = await room.finished(run);
    expect(kinds(events).slice(-5)).toEqual([
      "cancelRequested",
      "textFinished",
      "stepFinished",
      "messageAdded",
      "runFinished",
    ]);
    expect(ending(events).outcome).toBe(RunOutcome.CANCELED);
    expect((await room.messages(session)).at(-1)).toMatchObject({ interrupted: true });
  });

  it("ends a run whose tool does not stop by itself", async () => {
    const deaf = tool("deaf", () => new Promise(() => undefined));
    const { room, session, run } = await ended(() => calls({ name: "deaf" }), { tools: [deaf], stopMs: 20 });
    await expect.poll(async () => kinds(await room.events(session))).toContain("toolCallStarted");
    await room.engine.cancel(run.id);
    const result = bodies(await room.finished(run), "toolCallFinished")[0]?.result;
    expect(result?.output).toMatch(/canceled while this call was under way/);
  });

  it("changes nothing when it comes again, or after the end", async () => {
    const { room, run } = await ended((_request, _number, signal) => stalls("half", signal));
    await Promise.all([room.engine.cancel(run.id), room.engine.cancel(run.id)]);
    const events = await room.finished(run);
    expect(kinds(events).filter((kind) => kind === "cancelRequested")).toHaveLength(1);
    expect(await room.engine.cancel(run.id)).toMatchObject({
      state: RunState.FINISHED,
      lastSeq: events.length,
    });
    await expect(room.engine.cancel("none")).rejects.toMatchObject({ reason: "not_found" });
  });

  it("never reopens a run, at whatever moment it comes", async () => {
    const room = await openRoom(() => says("ok"));
    const session = await room.session();
    for (let i = 0; i < 60; i += 1) {
      const run = await room.start(session, "go", queue);
      for (let turn = 0; turn < i % 12; turn += 1)
        await (i % 2 === 0 ? Promise.resolve() : new Promise(setImmediate));
      await room.engine.cancel(run.id);
      expect(kinds(await room.finished(run)).at(-1)).toBe("runFinished");
      expect(await room.store.runs.get(run.id)).toMatchObject({ state: RunState.FINISHED });
    }
    const events = await room.events(session);
    const last = new Map(events.filter(({ runId }) => runId).map((event) => [event.runId, event.body.case]));
    expect([...last.values()].every((kind) => kind === "runFinished")).toBe(true);
  });

  it("takes a queued run out, and the others go on", async () => {
    const door = gate();
    const { room, session, run } = await ended(async function* (_request, number) {
      if (number === 1) await door.wait();
      yield* says("ok");
    });
    const second = await room.start(session, "two", queue);
    const third = await room.start(session, "three", queue);
    expect(await room.engine.cancel(second.id)).toMatchObject({
      state: RunState.FINISHED,
      outcome: RunOutcome.CANCELED,
    });
    door.open();
    expect(kinds(await room.finished(second))).toEqual(["runStarted", "runFinished"]);
    await room.finished(run);
    await room.finished(third);
    expect(said(await room.messages(session))).toEqual(["go", "ok", "three", "ok"]);
  });
});
