import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { withEitherSignal } from "../../src/core/with-either-signal.js";
import { isCollected } from "../support/is-collected.js";

describe("work with either of two signals", () => {
  const reason = new Error("enough");

  it.each([0, 1])("is told when the one at %i fires, and why", async (index) => {
    const both = [new AbortController(), new AbortController()];
    const told = await withEitherSignal(
      both.map(({ signal }) => signal),
      async (signal) => {
        expect(signal.aborted).toBe(false);
        both[index]?.abort(reason);
        return signal;
      },
    );
    expect(told).toMatchObject({ aborted: true, reason });
  });

  it("is told of one that has fired before", async () => {
    const signals = [new AbortController().signal, AbortSignal.abort(reason)];
    expect(await withEitherSignal(signals, async (signal) => signal.reason)).toBe(reason);
  });

  it.each([
    ["ends", async () => undefined],
    ["fails", () => Promise.reject(reason)],
  ])("leaves nothing on them when it %s, whatever it leaves on its own", async (_how, end) => {
    const signals = [new AbortController().signal, new AbortController().signal];
    const work = withEitherSignal(signals, async (signal) => {
      signal.addEventListener("abort", () => undefined);
      for (const one of signals) expect(getEventListeners(one, "abort")).toHaveLength(1);
      return end();
    });
    await work.catch(() => undefined);
    for (const one of signals) expect(getEventListeners(one, "abort")).toEqual([]);
  });

  it("leaves nothing that holds the signal, whatever listens to it, before a time limit has ended", async () => {
    const limit = AbortSignal.timeout(60_000);
    const use = () =>
      withEitherSignal([limit], async (signal) => {
        signal.addEventListener("abort", () => undefined);
        return new WeakRef(signal);
      });
    expect(await isCollected(await use())).toBe(true);
    expect(limit.aborted).toBe(false);
  });
});
