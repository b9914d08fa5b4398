import { describe, expect, it } from "vitest";
import { readEvents } from "../../src/providers/event-stream.js";
import { isCollected } from "../support/is-collected.js";

describe("events of an answer", () => {
  it.each(["read", "aborted"])(
    "leave nothing of its body behind when it was %s, also where the signal it was asked for with is kept",
    async (how) => {
      const kept: AbortSignal[] = [];
      const bodies: WeakRef<object>[] = [];
      const send = async (stop: AbortSignal) => {
        kept.push(stop);
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('data: {"n":1}\n\n'));
            if (how === "read") controller.close();
          },
        });
        const response = new Response(body);
        bodies.push(new WeakRef(response.body!));
        return response;
      };
      const source = {} as Parameters<typeof readEvents>[0]["source"];
      const leave = new AbortController();
      const reading = async () => {
        for await (const batch of readEvents({ source, idleTimeoutMs: 1000, send }, leave.signal)) {
          expect(batch).toEqual([{ n: 1 }]);
          if (how === "aborted") setTimeout(() => leave.abort());
        }
      };
      if (how === "read") await reading();
      else await expect(reading()).rejects.toThrow("aborted");
      expect(kept[0]?.aborted).toBe(how === "aborted");
      expect(await isCollected(bodies[0]!)).toBe(true);
    },
  );
});
