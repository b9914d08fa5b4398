import { describe, expect, it } from "vitest";
import { readEvents } from "../../src/providers/event-stream.js";
import { isCollected } from "../support/is-collected.js";

describe("events of an answer", () => {
  it("leave nothing of its body behind, also where the signal that they were asked for with is kept", async () => {
    const kept: AbortSignal[] = [];
    const bodies: WeakRef<object>[] = [];
    const send = async (stop: AbortSignal) => {
      kept.push(stop);
      const response = new Response('data: {"n":1}\n\n');
      bodies.push(new WeakRef(response.body!));
      return response;
    };
    const source = {} as Parameters<typeof readEvents>[0]["source"];
    const read = [];
    for await (const batch of readEvents({ source, idleTimeoutMs: 1000, send }, new AbortController().signal))
      read.push(...batch);
    expect(read).toEqual([{ n: 1 }]);
    expect(await isCollected(bodies[0]!)).toBe(true);
    expect(kept[0]?.aborted).toBe(false);
  });
});
