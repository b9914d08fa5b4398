import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import type { Fault } from "../../src/core/fault.js";
import type { Write } from "../../src/core/store.js";
import { Committer } from "../../src/engine/committer.js";
import { EventTail } from "../../src/engine/event-tail.js";
import { Turns } from "../../src/engine/large-pages.js";
import { SessionLog } from "../../src/engine/session-log.js";
import { collect, never, openRoom, readEvents, replaced, says } from "./room.js";

function write(sessionId: string, text: string): Write & { type: "event" } {
  const body = { case: "textDelta", value: { index: 0, text } } as const;
  return { type: "event", event: create(EventSchema, { sessionId, body }) };
}

async function openLog(epochs = 1) {
  const { store, session } = await openRoom(() => says(""));
  const sessionId = await session();
  let epoch = 0;
  for (let i = 0; i < epochs; i += 1) epoch = (await store.sessions.claim(sessionId)) ?? 0;
  const reads = { count: 0 };
  const counted = {
    ...store,
    events: {
      read: (...given: Parameters<typeof store.events.read>) => {
        reads.count += 1;
        return store.events.read(...given);
      },
    },
  };
  const faults: Fault[] = [];
  const door = openDoor();
  const committer = new Committer(
    replaced(store, {
      commit: async (batches) => {
        await door.passed();
        return store.commit(batches);
      },
    }),
  );
  const onTrouble = (fault: Fault): void => void faults.push(fault);
  const log = new SessionLog({
    sessionId,
    head: 0,
    store: counted,
    committer,
    turns: new Turns(),
    tailBytes: () => 256 * 1024,
    onTrouble,
  });
  const append = (count: number, text = "x"): void => {
    for (let i = 0; i < count; i += 1) log.append([write(sessionId, text)], epoch);
  };
  return { log, append, store, sessionId, faults, reads, epoch, door, committer };
}

/** Open at first. */
function openDoor() {
  let way = Promise.withResolvers<void>();
  way.resolve();
  return {
    passed: () => way.promise,
    close: () => {
      way = Promise.withResolvers<void>();
    },
    open: () => way.resolve(),
  };
}

const seqs = (events: readonly Event[]): number[] => events.map(({ seq }) => seq);
const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("SessionLog", () => {
  it("shows nothing before it is durable", async () => {
    const { log, append, store, sessionId } = await openLog();
    append(3);
    expect(log.position).toBe(0);
    expect(await collect(readEvents(log, { after: 0, follow: false }, never))).toEqual([]);
    expect(await log.durable()).toBe("written");
    expect(log.position).toBe(3);
    expect(seqs(await store.events.read({ sessionId, after: 0, limit: 10, maxBytes: 1e6 }))).toEqual([
      1, 2, 3,
    ]);
  });

  it.each([0, 1, 299, 300])("gives everything after position %i, from memory", async (after) => {
    const { log, append, reads } = await openLog();
    append(300);
    await log.durable();
    expect(seqs(await collect(readEvents(log, { after, follow: false }, never)))).toEqual(
      upTo(after + 1, 300),
    );
    expect(reads.count).toBe(0);
  });

  it("goes on from the database to memory without a gap", async () => {
    const { log, append, reads } = await openLog();
    for (let i = 0; i < 20; i += 1) {
      append(300);
      await log.durable();
    }
    expect(seqs(await collect(readEvents(log, { after: 0, follow: false }, never)))).toEqual(upTo(1, 6000));
    expect(reads.count).toBeGreaterThan(0);
  });

  it("tells its newest write where many wait for the same commit, its own or others'", async () => {
    const { log, append, epoch, committer } = await openLog();
    append(3);
    append(1, "newest");
    expect(log.newestOf(5, epoch)).toBeUndefined();
    const other = { type: "title", title: "" } as const;
    const batch = { batch: { sessionId: "other", writes: [other] }, giveUp: true, taken: false };
    committer.add({ ...batch, settled: () => undefined, failed: () => undefined });
    const newest = log.newestOf(5, epoch);
    expect(newest?.type === "event" && newest.event.body.value).toMatchObject({ text: "newest" });
    expect(log.newestOf(5, epoch + 1)).toBeUndefined();
    await log.durable();
    expect(log.newestOf(0, epoch)).toBeUndefined();
  });

  it("refuses a position that the session never had", async () => {
    const { log, append } = await openLog();
    append(2);
    await log.durable();
    const read = collect(readEvents(log, { after: 3, follow: true }, never));
    await expect(read).rejects.toMatchObject({ reason: "out_of_range", detail: { headSeq: 2 } });
  });

  it("serves a reader that stands still while the log runs away from its memory", async () => {
    const { log, append } = await openLog();
    append(1);
    await log.durable();
    const leave = new AbortController();
    const slow = readEvents(log, { after: 0, follow: true }, leave.signal);
    const seen = [(await slow.next()).value as Event];
    for (let i = 0; i < 30; i += 1) {
      append(20, "x".repeat(10_000));
      await log.durable();
    }
    while (seen.length < 601) seen.push((await slow.next()).value as Event);
    expect(seqs(seen)).toEqual(upTo(1, 601));
    leave.abort();
    expect(await slow.next()).toEqual({ done: true, value: undefined });
  });

  it("reaches subscribers of the moment of an append, each event once", async () => {
    const { log, append } = await openLog();
    const readers: Promise<number[]>[] = [];
    for (let i = 0; i < 500; i += 1) {
      const read = async (after: number): Promise<number[]> => {
        const seen: number[] = [];
        for await (const { seq } of readEvents(log, { after, follow: true }, never)) {
          seen.push(seq);
          if (seq === 1000) break;
        }
        return seen.map((seq) => seq - after);
      };
      append(1);
      readers.push(read(log.position));
      if (i % 3 === 0) await log.durable();
      if (i % 7 === 0) await new Promise(setImmediate);
      append(1);
      readers.push(read(log.position));
    }
    await log.durable();
    for (const steps of await Promise.all(readers)) expect(steps).toEqual(upTo(1, steps.length));
  });

  it("is not durable before what was appended before a batch of its own", async () => {
    const { log, append, sessionId, epoch, door } = await openLog();
    door.close();
    append(1);
    const own = log.commit([write(sessionId, "own")], epoch);
    const seen: string[] = [];
    const durable = log.durable().then(() => seen.push("durable"));
    await new Promise(setImmediate);
    expect(seen).toEqual([]);
    door.open();
    await durable;
    expect(log.position).toBeGreaterThan(0);
    await own;
  });

  it("waits for what was appended before a batch of its own", async () => {
    const { log, append, sessionId, epoch, store } = await openLog();
    append(1);
    void log.commit([write(sessionId, "own")], epoch);
    await log.durable();
    expect(seqs(await store.events.read({ sessionId, after: 0, limit: 10, maxBytes: 1e6 }))[0]).toBe(1);
    append(1);
    await log.durable();
    const texts = (await collect(readEvents(log, { after: 0, follow: false }, never))).map(
      ({ body }) => body.value,
    );
    expect(texts).toMatchObject([{ text: "x" }, { text: "own" }, { text: "x" }]);
  });

  it("writes nothing more when another has taken the session", async () => {
    const { log, append, store, sessionId, faults } = await openLog();
    append(1);
    await log.durable();
    await store.sessions.claim(sessionId);
    append(1);
    expect(await log.durable()).toBe("stale");
    expect(faults).toMatchObject([{ reason: "canceled" }]);
    expect(log.position).toBe(1);
  });

  it("tells a run that what it wrote cannot be stored", async () => {
    const { log, sessionId, epoch, faults } = await openLog();
    const bad = write(sessionId, "x");
    bad.event.body = { case: "textDelta", value: { index: -1, text: "" } as never };
    log.append([bad], epoch);
    expect(await log.durable()).toBe("conflict");
    expect(faults).toMatchObject([{ reason: "internal" }]);
  });

  it("ends its readers when the session is deleted", async () => {
    const { log, append } = await openLog();
    append(1);
    await log.durable();
    const read = collect(readEvents(log, { after: 0, follow: true }, never));
    log.close();
    expect(await read).toHaveLength(1);
  });
});

describe("EventTail", () => {
  it("keeps the newest events, and knows how far back it reaches", () => {
    const tail = new EventTail(() => 256 * 1024);
    expect(tail.after(0)).toBeUndefined();
    for (let seq = 1; seq <= 10_000; seq += 1) {
      tail.push(create(EventSchema, { seq, body: { case: "textDelta", value: { text: "x".repeat(50) } } }));
    }
    expect(tail.after(0)).toBeUndefined();
    expect(tail.after(10_000)).toEqual([]);
    expect(seqs(tail.after(9990) ?? [])).toEqual(upTo(9991, 10_000));
  });

  it("holds little, however large the events are", () => {
    const tail = new EventTail(() => 256 * 1024);
    const text = "x".repeat(100_000);
    for (let seq = 1; seq <= 100; seq += 1) {
      tail.push(create(EventSchema, { seq, body: { case: "textFinished", value: { text } } }));
    }
    expect(tail.after(90)).toBeUndefined();
    expect(tail.after(99)).toHaveLength(1);
  });
});
