import { describe, expect, it } from "vitest";
import { Fault } from "../../src/core/fault.js";
import type { Batch, BatchResult } from "../../src/core/store.js";
import type { PendingBatch } from "../../src/engine/committer.js";
import { Committer } from "../../src/engine/committer.js";

/** A store whose commits fail while `fault` is set. */
function openCommitter() {
  const written: string[][] = [];
  const state: { fault?: Fault | undefined; result: BatchResult; bad?: string; fullAt?: string | undefined } =
    {
      result: "written",
    };
  const commit = async (batches: readonly Batch[]): Promise<BatchResult[]> => {
    if (state.fault) throw state.fault;
    if (batches.some(({ sessionId }) => sessionId === state.bad)) throw new TypeError("a bug");
    if (batches[0]?.sessionId === state.fullAt) throw full;
    written.push(batches.map(({ sessionId }) => sessionId));
    return batches.map(() => state.result);
  };
  return { committer: new Committer({ commit } as never), written, state };
}

function pending(name: string, { giveUp = false, writes = 1 } = {}) {
  const told: string[] = [];
  const title = { type: "title", title: "" } as const;
  const batch: PendingBatch & { told: string[] } = {
    batch: { sessionId: name, writes: Array.from({ length: writes }, () => title) },
    giveUp,
    taken: false,
    told,
    settled: (result) => told.push(result),
    failed: ({ reason }) => told.push(reason),
  };
  return batch;
}

const full = new Fault("exhausted", "the disk is full", { retryable: true });

describe("Committer", () => {
  it("writes all batches of one turn in one transaction, in order", async () => {
    const { committer, written } = openCommitter();
    const batches = ["a", "b", "a"].map((name) => pending(name));
    for (const batch of batches) committer.add(batch);
    expect(written).toEqual([]);
    await committer.idle();
    expect(written).toEqual([["a", "b", "a"]]);
    expect(batches.map(({ told }) => told)).toEqual([["written"], ["written"], ["written"]]);
  });

  it("writes at the end of the turn without being asked", async () => {
    const { committer, written } = openCommitter();
    committer.add(pending("a"));
    await expect.poll(() => written).toEqual([["a"]]);
  });

  /** Adds a batch in each of so many turns of the event loop. */
  async function addInTurns(committer: Committer, turns: number) {
    for (let i = 0; i < turns; i += 1) {
      committer.add(pending("a"));
      await new Promise(setImmediate);
    }
    await committer.idle();
  }

  it("writes in every turn while that takes little of the time", async () => {
    const { committer, written } = openCommitter();
    for (let i = 0; i < 50; i += 1) {
      committer.add(pending("a"));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(written).toHaveLength(50);
  });

  it("rests between commits that take most of the time, and loses none", async () => {
    const counts: number[] = [];
    const commit = (batches: readonly Batch[]): Promise<BatchResult[]> => {
      for (const until = performance.now() + 1; performance.now() < until; );
      counts.push(batches.length);
      return Promise.resolve(batches.map(() => "written"));
    };
    await addInTurns(new Committer({ commit } as never), 2000);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2000);
    expect(counts.length).toBeLessThan(1000);
  });

  it("counts the writes that wait, of all batches", async () => {
    const { committer, state } = openCommitter();
    const [one, other] = [pending("a", { writes: 2 }), pending("b", { writes: 3 })];
    committer.add(one);
    committer.add(other);
    committer.extend(one, [{ type: "title", title: "" }]);
    expect(committer.writes).toBe(6);
    state.fault = full;
    await committer.idle();
    expect(committer.writes).toBe(6);
    state.fault = undefined;
    await committer.idle();
    expect(committer.writes).toBe(0);
  });

  it("splits what is too much for one transaction", async () => {
    const { committer, written } = openCommitter();
    for (const name of ["a", "b", "c"]) committer.add(pending(name, { writes: 600 }));
    await committer.idle();
    expect(written).toEqual([["a"], ["b"], ["c"]]);
  });

  it("tells a batch why it was refused", async () => {
    const { committer, state } = openCommitter();
    state.result = "stale";
    const batch = pending("a");
    committer.add(batch);
    await committer.idle();
    expect(batch.told).toEqual(["stale"]);
  });

  it("keeps what failed, in order, until it is stored", async () => {
    const { committer, written, state } = openCommitter();
    state.fault = full;
    const first = pending("first");
    committer.add(first);
    await committer.idle();
    const second = pending("second");
    committer.add(second);
    expect(first.told).toEqual(["exhausted"]);
    state.fault = undefined;
    await expect.poll(() => written, { timeout: 5000 }).toEqual([["first", "second"]]);
    expect([first.told, second.told]).toEqual([["exhausted", "written"], ["written"]]);
  });

  it("gives up what may be given up, wherever it waits", async () => {
    const { committer, written, state } = openCommitter();
    state.fault = full;
    const kept = pending("kept", { writes: 2000 });
    const given = pending("given", { giveUp: true });
    committer.add(kept);
    committer.add(given);
    await committer.idle();
    expect(given.told).toEqual(["exhausted"]);
    state.fault = undefined;
    await committer.idle();
    expect(written).toEqual([["kept"]]);
  });

  it("refuses a batch that can never be written, and no other", async () => {
    const { committer, state } = openCommitter();
    const batches = ["a", "bad", "b", "bad"].map((name, i) => pending(name, { giveUp: i === 3 }));
    state.bad = "bad";
    for (const batch of batches) committer.add(batch);
    await committer.idle();
    expect(batches.map(({ told }) => told)).toEqual([["written"], ["conflict"], ["written"], ["internal"]]);
  });

  it("keeps, of what is committed one by one, all from the first that the disk has no room for", async () => {
    const { committer, state, written } = openCommitter();
    const batches = ["bad", "a", "b"].map((name) => pending(name));
    state.bad = "bad";
    state.fullAt = "a";
    for (const batch of batches) committer.add(batch);
    await committer.idle();
    expect(batches.map(({ told }) => told)).toEqual([["conflict"], ["exhausted"], ["exhausted"]]);
    state.fullAt = undefined;
    await committer.idle();
    expect(written).toEqual([["a", "b"]]);
  });

  it("does not try a failed commit again and again in one turn", async () => {
    const { committer, state } = openCommitter();
    state.fault = full;
    const batch = pending("a");
    committer.add(batch);
    await committer.idle();
    committer.flush();
    committer.flush();
    expect(batch.told).toEqual(["exhausted"]);
    state.fault = undefined;
    await committer.idle();
  });
});
