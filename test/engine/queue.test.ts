import { describe, expect, it } from "vitest";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { RunState, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { Fault } from "../../src/core/fault.js";
import {
  databaseFile,
  ending,
  gate,
  kinds,
  openRoom,
  order,
  replaced,
  said,
  says,
  stalls,
  stopped,
} from "./room.js";

const queue = { whenBusy: WhenBusy.QUEUE };
const steer = { whenBusy: WhenBusy.STEER };

describe("a session with a run", () => {
  it("refuses another one by default, naming the one under way", async () => {
    const room = await openRoom((_request, _number, signal) => stalls("…", signal));
    const session = await room.session();
    const run = await room.start(session, "one");
    const second = room.start(session, "two");
    await expect(second).rejects.toMatchObject({
      reason: "busy",
      detail: { retryable: true, metadata: { run_id: run.id } },
    });
  });

  it("takes the next message at the very moment in which the last one is answered", async () => {
    const room = await openRoom(() => says("ok"));
    const session = await room.session();
    for (let i = 0; i < 200; i += 1) {
      const run = await room.start(session, `message ${i}`);
      for await (const { body } of room.watch.run(run.id, 0, new AbortController().signal)) {
        if (body.case === "runFinished") break;
      }
    }
    expect(await room.messages(session)).toHaveLength(400);
  });

  it("queues in the order of arrival", async () => {
    const door = gate();
    const room = await openRoom(async function* (_request, number) {
      if (number === 1) await door.wait();
      yield* says(`answer ${number}`);
    });
    const session = await room.session();
    const runs = [await room.start(session, "m1")];
    for (const text of ["m2", "m3", "m4"]) runs.push(await room.start(session, text, queue));
    expect(runs.map(({ state }) => state)).toEqual([2, 1, 1, 1]);
    door.open();
    for (const run of runs) expect(ending(await room.finished(run)).outcome).toBe(RunOutcome.COMPLETED);
    expect(said(await room.messages(session))).toEqual([1, 2, 3, 4].flatMap((n) => [`m${n}`, `answer ${n}`]));
  });

  it("forgets no message that is queued as a run ends", async () => {
    const room = await openRoom(() => says("ok"));
    const session = await room.session();
    const runs = [];
    for (let i = 0; i < 100; i += 1) {
      const turns = i % 7;
      runs.push(await room.start(session, `m${i}`, i % 2 === 0 ? queue : steer));
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
    }
    for (const run of runs) await room.finished(run);
    const texts = said(await room.messages(session)).filter((text) => text !== "ok");
    expect(texts).toEqual(runs.map((_run, i) => `m${i}`));
  });

  it("starts a queued run although the disk was full when its turn came", async () => {
    const door = gate();
    let failing = 0;
    const room = await openRoom(
      async function* (_request, number) {
        if (number === 1) await door.wait();
        yield* says("ok");
      },
      {
        store: (real) =>
          replaced(real, {
            sessions: {
              insert: (session) => real.sessions.insert(session),
              list: (page) => real.sessions.list(page),
              update: (session) => real.sessions.update(session),
              delete: (id) => real.sessions.delete(id),
              epoch: (id) => real.sessions.epoch(id),
              claim: (id) => real.sessions.claim(id),
              get: async (id) => {
                failing -= 1;
                if (failing >= 0) throw new Fault("exhausted", "full", { retryable: true });
                return real.sessions.get(id);
              },
            },
          }),
      },
    );
    const session = await room.session();
    const first = await room.start(session, "one");
    const second = await room.start(session, "two", queue);
    const third = await room.start(session, "three", queue);
    // The title's read and the queue's.
    failing = 2;
    door.open();
    await room.finished(first);
    expect(ending(await room.finished(second)).outcome).toBe(RunOutcome.COMPLETED);
    expect(ending(await room.finished(third)).outcome).toBe(RunOutcome.COMPLETED);
  });
});

/** An engine whose last events of runs are not stored before a door opens. */
async function openSlow() {
  const door = gate();
  const later = async function* () {
    await new Promise(setImmediate);
    yield* says("ok");
  };
  const room = await openRoom(later, {
    store: (real) =>
      replaced(real, {
        commit: async (batches) => {
          const writes = batches.flatMap((batch) => batch.writes);
          const last = writes.some(
            (write) => write.type === "event" && write.event.body.case === "runFinished",
          );
          if (last) await door.wait();
          return real.commit(batches);
        },
      }),
  });
  const session = await room.session();
  const run = await room.start(session, "one");
  await door.reached;
  return { room, session, run, door };
}

describe("a run whose last event is on its way", () => {
  it("is not busy: the next message waits for it", async () => {
    const { room, session, door } = await openSlow();
    const second = room.start(session, "two");
    await new Promise(setImmediate);
    door.open();
    expect(ending(await room.finished(await second)).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("is over: a cancel changes nothing", async () => {
    const { room, run, door } = await openSlow();
    const canceled = room.engine.cancel(run.id);
    await new Promise(setImmediate);
    door.open();
    expect((await canceled).state).toBe(RunState.FINISHED);
    expect(kinds(await room.events(run.sessionId)).at(-1)).toBe("runFinished");
    expect((await room.store.runs.get(run.id))?.state).toBe(RunState.FINISHED);
  });
});

describe("request ids", () => {
  it("make one run of fifty requests at once", async () => {
    const room = await openRoom(() => says("ok"));
    const session = await room.session();
    const runs = await Promise.all(
      Array.from({ length: 50 }, () => room.start(session, "go", { requestId: "r" })),
    );
    expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
    await room.finished(runs[0]?.id ?? "");
    expect(await room.messages(session)).toHaveLength(2);
  });

  it("are refused with another input, and known after a restart", async () => {
    const file = databaseFile();
    const first = await openRoom(() => says("ok"), { file });
    const session = await first.session();
    const run = await first.start(session, "go", { requestId: "r" });
    await first.finished(run);
    await expect(first.start(session, "other", { requestId: "r" })).rejects.toMatchObject({
      reason: "conflict",
    });
    await first.close();
    const second = await openRoom(() => says("ok"), { file });
    expect((await second.start(session, "go", { requestId: "r" })).id).toBe(run.id);
    expect(second.requests).toEqual([]);
  });
});

describe("after a restart", () => {
  it("queued runs work, in order; the one under way is interrupted", async () => {
    const file = databaseFile();
    const first = await openRoom((_request, _number, signal) => stalls("half", signal), { file });
    const session = await first.session();
    const runs = [await first.start(session, "m1")];
    runs.push(await first.start(session, "m2", queue), await first.start(session, "m3", queue));
    await first.close();
    const second = await openRoom(() => says("ok"), { file });
    const ends = [];
    for (const run of runs) ends.push(ending(await second.finished(run)).outcome);
    expect(ends).toEqual([RunOutcome.INTERRUPTED, RunOutcome.COMPLETED, RunOutcome.COMPLETED]);
    expect(said(await second.messages(session))).toEqual(["m1", "half", "m2", "ok", "m3", "ok"]);
    expect(second.bugs).toEqual([]);
  });
});

describe("deleting a session", () => {
  it("ends its run, its queue and its readers", async () => {
    const room = await openRoom((_request, _number, signal) => stalls("half", signal));
    const session = await room.session();
    const run = await room.start(session, "go");
    await room.start(session, "two", queue);
    const read = room.finished(run);
    expect(await room.engine.deleteSession(session)).toBe(true);
    await read;
    expect(await room.store.runs.get(run.id)).toBeUndefined();
    expect(await room.engine.deleteSession(session)).toBe(false);
    await expect(room.engine.start(order(session, "again"))).rejects.toMatchObject({ reason: "not_found" });
    expect(room.bugs).toEqual([]);
  });
});

it("takes no run while it closes", async () => {
  const room = await openRoom(async function* (_request, _number, signal) {
    yield* says("");
    await stopped(signal);
  });
  const session = await room.session();
  const closing = room.engine.close(0);
  await expect(room.start(session, "go")).rejects.toMatchObject({ reason: "unavailable" });
  await closing;
});

describe("a run whose first events cannot be stored", () => {
  it("is refused, its model call is given up, and the next one runs", async () => {
    let full = true;
    const given: AbortSignal[] = [];
    const script = async function* (_request: unknown, _number: number, signal: AbortSignal) {
      given.push(signal);
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (!signal.aborted) yield* says("ok");
    };
    const room = await openRoom(script, {
      store: (real) =>
        replaced(real, {
          commit: async (batches) => {
            if (full) throw new Fault("exhausted", "full", { retryable: true });
            return real.commit(batches);
          },
        }),
    });
    const session = await room.session();
    await expect(room.start(session, "one")).rejects.toMatchObject({ reason: "exhausted" });
    expect(given.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await room.events(session)).toEqual([]);
    full = false;
    expect(ending(await room.finished(await room.start(session, "two"))).outcome).toBe(RunOutcome.COMPLETED);
    expect(given.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect((await room.store.runs.list(session, { limit: 10 })).items).toHaveLength(1);
  });
});
