import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { LargeFrames } from "../../src/transcode/large-frames.js";

const large = (letter: string, kib = 16): string => letter.repeat(kib * 1024);

describe("LargeFrames", () => {
  it("gives every reader of a message the same bytes, printed once", () => {
    const frames = new LargeFrames();
    const message = {};
    let printed = 0;
    const print = (): string => {
      printed += 1;
      return large("é");
    };
    const first = frames.of(message, print);
    expect(frames.of(message, print)).toBe(first);
    expect(Buffer.from(first as Uint8Array).toString()).toBe(large("é"));
    expect(printed).toBe(1);
    expect(frames.of({}, () => large("b"))).not.toBe(first);
  });

  it("keeps no small ones", () => {
    const frames = new LargeFrames();
    const small = {};
    expect(frames.of(small, () => "one")).toBe("one");
    expect(frames.of(small, () => "two")).toBe("two");
  });

  it("keeps large ones while somebody holds them, and for a while the last ones", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc");
    const frames = new LargeFrames();
    const messages = Array.from({ length: 6 }, () => ({}));
    const print = (): string => large("a", 1024);
    const held = frames.of(messages[0]!, print);
    for (const message of messages) frames.of(message, print);
    // A weak reference lasts until the end of the turn in which it was made or used.
    await setImmediate();
    collectGarbage();
    await setImmediate();
    const isKept = messages.map((message) => frames.of(message, () => "new") !== "new");
    expect(isKept).toEqual([true, false, true, true, true, true]);
    expect(frames.of(messages[0]!, print)).toBe(held);
  });
});
