import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ApprovalState, EventSchema } from "../../../gen/agentry/v1/event_pb.js";
import { Purpose, UsageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { RunState } from "../../../gen/agentry/v1/run_pb.js";
import { newId } from "../../../src/core/id.js";
import type { Batch } from "../../../src/core/store.js";
import {
  allEvents,
  approval,
  delta,
  deltas,
  details,
  event,
  message,
  newSession,
  run,
  tempStore,
  textOf,
} from "../sample.js";

describe("positions", () => {
  it("are dense in every session while sessions interleave", async () => {
    const store = await tempStore();
    const sessions = await Promise.all([1, 2, 3].map(() => newSession(store)));
    const sent = new Map(sessions.map((id) => [id, [] as string[]]));
    for (let round = 0; round < 50; round += 1) {
      const batches = sessions
        .flatMap((id) => [id, id])
        .filter((_, i) => (round + i) % 3 !== 0)
        .map((id, i) => {
          const texts = Array.from({ length: 1 + (i % 4) }, (_, n) => `${round}.${i}.${n}`);
          sent.get(id)?.push(...texts);
          return deltas(id, ...texts);
        });
      expect(await store.commit(batches)).toEqual(batches.map(() => "written"));
    }
    for (const id of sessions) {
      const events = await allEvents(store, id);
      expect(events.map(textOf)).toEqual(sent.get(id));
      expect(events.map((each) => each.seq)).toEqual(events.map((_, i) => i + 1));
      expect((await store.sessions.get(id))?.lastSeq).toBe(events.length);
    }
  });

  it("are given to messages too, and reach the event that holds the same message", async () => {
    const store = await tempStore();
    const sessionId = await newSession(store);
    for (const text of ["one", "two"]) {
      const added = message(sessionId, text);
      const holder = create(EventSchema, {
        sessionId,
        body: { case: "messageAdded", value: { message: added } },
      });
      await store.commit([{ sessionId, writes: [{ type: "message", message: added }, event(holder)] }]);
    }
    const events = await allEvents(store, sessionId);
    const held = events.map((each) =>
      each.body.case === "messageAdded" ? each.body.value.message : undefined,
    );
    expect(held).toEqual(await store.messages.list(sessionId, 0, 10));
    expect(held.map((each) => each?.index)).toEqual([1, 2]);
    expect((await store.sessions.get(sessionId))?.messageCount).toBe(2);
  });

  it("are given to a run by its first and last event", async () => {
    const store = await tempStore();
    const sessionId = await newSession(store);
    await store.commit([deltas(sessionId, "before")]);
    const mine = run(sessionId);
    const [first, last] = [delta(sessionId, "first", mine.id), delta(sessionId, "last", mine.id)];
    await store.commit([{ sessionId, writes: [event(first), { type: "run", run: mine, first }] }]);
    await store.commit([
      { sessionId, writes: [event(last), { type: "run", run: { ...mine, state: RunState.FINISHED }, last }] },
    ]);
    await store.commit([deltas(sessionId, "after")]);
    expect(await store.runs.get(mine.id)).toMatchObject({
      firstSeq: 2,
      lastSeq: 3,
      state: RunState.FINISHED,
    });
    expect((await allEvents(store, sessionId, mine.id)).map(textOf)).toEqual(["first", "last"]);
  });
});

describe("a refused batch", () => {
  it("writes nothing under a stale epoch, and the others pass", async () => {
    const store = await tempStore();
    const [mine, other] = [await newSession(store), await newSession(store)];
    expect(await store.sessions.claim(mine)).toBe(1);
    const held = { ...deltas(mine, "held"), epoch: 1 };
    expect(await store.commit([held])).toEqual(["written"]);
    expect(await store.sessions.claim(mine)).toBe(2);
    const stale = { ...deltas(mine, "stale"), epoch: 1 };
    expect(await store.commit([stale, deltas(other, "fine")])).toEqual(["stale", "written"]);
    expect((await allEvents(store, mine)).map(textOf)).toEqual(["held"]);
    expect((await allEvents(store, other)).map(textOf)).toEqual(["fine"]);
    expect(await store.commit([{ ...deltas(mine, "new"), epoch: 2 }])).toEqual(["written"]);
  });

  it("takes a session with its first batch, unless somebody took it meanwhile", async () => {
    const store = await tempStore();
    const mine = await newSession(store);
    const taking = (epoch: number, text: string): Batch => {
      const batch = deltas(mine, text);
      return { ...batch, epoch, writes: [{ type: "claim" }, ...batch.writes] };
    };
    expect(await store.sessions.epoch(mine)).toBe(0);
    expect(await store.commit([taking(1, "first"), taking(1, "late"), taking(3, "early")])).toEqual([
      "written",
      "stale",
      "stale",
    ]);
    expect(await store.sessions.epoch(mine)).toBe(1);
    expect(await store.commit([taking(2, "second"), { ...deltas(mine, "old"), epoch: 1 }])).toEqual([
      "written",
      "stale",
    ]);
    expect((await allEvents(store, mine)).map(textOf)).toEqual(["first", "second"]);
    expect(await store.sessions.epoch("none")).toBeUndefined();
  });

  const cases: {
    name: string;
    result: string;
    writes: (sessionId: string, runId: string) => Batch["writes"];
  }[] = [
    {
      name: "a second active run",
      result: "conflict",
      writes: (sessionId) => [{ type: "run", run: run(sessionId, { state: RunState.WAITING }) }],
    },
    {
      name: "a request id that has a run",
      result: "conflict",
      writes: (sessionId) => [
        { type: "run", run: run(sessionId, { state: RunState.QUEUED, requestId: "request" }) },
      ],
    },
    {
      name: "an approval in another state",
      result: "conflict",
      writes: (sessionId, runId) => [
        { type: "approval", approval: approval(sessionId, runId), from: ApprovalState.PENDING },
      ],
    },
    {
      name: "an event without a binary form",
      result: "conflict",
      writes: (sessionId) => [
        event(create(EventSchema, { sessionId, body: { case: "textStarted", value: { index: -1 } } })),
      ],
    },
  ];
  it.each(cases)("is refused whole for $name, and the others pass", async ({ result, writes }) => {
    const store = await tempStore();
    const [sessionId, other] = [await newSession(store), await newSession(store)];
    const active = run(sessionId, { requestId: "request" });
    await store.commit([{ sessionId, writes: [{ type: "run", run: active, details: details(sessionId) }] }]);
    const bad: Batch = {
      sessionId,
      writes: [
        event(delta(sessionId, "bad")),
        { type: "message", message: message(sessionId, "bad") },
        { type: "title", title: "bad" },
        ...writes(sessionId, active.id),
      ],
    };
    const results = await store.commit([deltas(other, "a"), bad, deltas(sessionId, "b"), deltas(other, "c")]);
    expect(results).toEqual(["written", result, "written", "written"]);
    expect((await allEvents(store, other)).map(textOf)).toEqual(["a", "c"]);
    expect((await allEvents(store, sessionId)).map(textOf)).toEqual(["b"]);
    const session = await store.sessions.get(sessionId);
    expect(session).toMatchObject({
      lastSeq: 1,
      messageCount: 0,
      title: "A session",
      activeRunId: active.id,
    });
    for (const write of bad.writes) {
      if (write.type === "event") expect(write.event.seq).toBe(0);
      if (write.type === "message") expect(write.message.index).toBe(0);
    }
  });

  it("is missing when its session does not exist", async () => {
    const store = await tempStore();
    const sessionId = await newSession(store);
    const results = await store.commit([deltas(newId(), "x"), deltas(sessionId, "y")]);
    expect(results).toEqual(["missing", "written"]);
  });
});

describe("approvals", () => {
  it("take the first verdict only", async () => {
    const store = await tempStore();
    const sessionId = await newSession(store);
    const active = run(sessionId);
    const pending = approval(sessionId, active.id);
    const verdict = (state: ApprovalState): Batch => ({
      sessionId,
      writes: [
        { type: "approval", approval: { ...pending, state }, from: ApprovalState.PENDING },
        event(delta(sessionId, ApprovalState[state])),
      ],
    });
    await store.commit([
      {
        sessionId,
        writes: [
          { type: "run", run: active },
          { type: "approval", approval: pending },
        ],
      },
    ]);
    const results = await Promise.all(
      [ApprovalState.DENIED, ApprovalState.APPROVED, ApprovalState.DENIED].map((state) =>
        store.commit([verdict(state)]),
      ),
    );
    expect(results.flat()).toEqual(["written", "conflict", "conflict"]);
    expect((await store.approvals.get(pending.id))?.state).toBe(ApprovalState.DENIED);
    expect((await allEvents(store, sessionId)).map(textOf)).toEqual(["DENIED"]);
  });

  it("are not changed through another session", async () => {
    const store = await tempStore();
    const [sessionId, other] = [await newSession(store), await newSession(store)];
    const pending = approval(sessionId, "");
    await store.commit([{ sessionId, writes: [{ type: "approval", approval: pending }] }]);
    const foreign = { ...pending, state: ApprovalState.APPROVED };
    const writes = [{ type: "approval", approval: foreign, from: ApprovalState.PENDING }] as const;
    expect(await store.commit([{ sessionId: other, writes }])).toEqual(["conflict"]);
    expect((await store.approvals.get(pending.id))?.state).toBe(ApprovalState.PENDING);
  });
});

describe("runs", () => {
  it("hand over within one batch", async () => {
    const store = await tempStore();
    const sessionId = await newSession(store);
    const [first, second] = [run(sessionId), run(sessionId, { state: RunState.QUEUED })];
    await store.commit([
      {
        sessionId,
        writes: [
          { type: "run", run: first },
          { type: "run", run: second },
        ],
      },
    ]);
    const results = await store.commit([
      {
        sessionId,
        writes: [
          { type: "run", run: { ...first, state: RunState.FINISHED } },
          { type: "run", run: { ...second, state: RunState.RUNNING } },
        ],
      },
    ]);
    expect(results).toEqual(["written"]);
    expect((await store.sessions.get(sessionId))?.activeRunId).toBe(second.id);
    expect((await store.runs.unfinished()).map((each) => each.id)).toEqual([second.id]);
  });

  it("are not replaced through another session", async () => {
    const store = await tempStore();
    const [sessionId, other] = [await newSession(store), await newSession(store)];
    const mine = run(sessionId);
    await store.commit([{ sessionId, writes: [{ type: "run", run: mine }] }]);
    const writes = [{ type: "run", run: { ...mine, state: RunState.FINISHED } }] as const;
    expect(await store.commit([{ sessionId: other, writes }])).toEqual(["conflict"]);
    expect((await store.runs.get(mine.id))?.state).toBe(RunState.RUNNING);
  });
});

describe("usage", () => {
  it("adds up in the session, beyond what a number of tokens holds and past nonsense", async () => {
    const store = await tempStore();
    const sessionId = await newSession(store);
    const count = (init: Partial<{ inputTokens: number; outputTokens: number; costUsd: number }>) =>
      store.commit([
        {
          sessionId,
          writes: [
            {
              type: "usage",
              runId: "",
              purpose: Purpose.STEP,
              model: "fake/model",
              usage: create(UsageSchema, init),
            },
          ],
        },
      ]);
    await count({ inputTokens: 5, outputTokens: 7, costUsd: 0.5 });
    await count({ inputTokens: 6, costUsd: 0.25 });
    await count({ inputTokens: -4, costUsd: Number.NaN });
    expect((await store.sessions.get(sessionId))?.usage).toMatchObject({
      inputTokens: 11,
      outputTokens: 7,
      costUsd: 0.75,
    });
    await count({ outputTokens: 4_000_000_000 });
    await count({ outputTokens: 4_000_000_000 });
    expect((await store.sessions.get(sessionId))?.usage?.outputTokens).toBe(2 ** 32 - 1);
  });
});
