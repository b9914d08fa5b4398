import { expect, it } from "vitest";
import { Fault } from "../../src/core/fault.js";
import { retryDelay, wait } from "../../src/engine/retry.js";

const policy = { attempts: 4, baseMs: 500, maxMs: 60_000 };

it.each([
  [1, undefined, 0, 250],
  [1, undefined, 1, 500],
  [2, undefined, 1, 1000],
  [3, undefined, 0.5, 1500],
  [20, undefined, 1, 60_000],
  [1, 7000, 0, 7000],
  [5, 0, 1, 0],
  [1, -5, 0, 0],
  [1, 1e12, 0, 60_000],
])("after attempt %i, asked for %s ms, with luck %s: %i ms", (attempt, retryAfterMs, random, expected) => {
  const fault = new Fault("unavailable", "x", retryAfterMs === undefined ? {} : { retryAfterMs });
  expect(retryDelay(policy, attempt, fault, random)).toBe(expected);
});

it("ends a wait when it is told to", async () => {
  const controller = new AbortController();
  const waiting = wait(2 ** 30, controller.signal);
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ reason: "canceled" });
  await expect(wait(2 ** 30, controller.signal)).rejects.toMatchObject({ reason: "canceled" });
});
