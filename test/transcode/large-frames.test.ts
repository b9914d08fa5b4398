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

  it("keeps no small ones, and of the large ones those of late", () => {
    const frames = new LargeFrames();
    const small = {};
    expect(frames.of(small, () => "one")).toBe("one");
    expect(frames.of(small, () => "two")).toBe("two");
    const messages = Array.from({ length: 6 }, () => ({}));
    const made = messages.map((message) => frames.of(message, () => large("a", 1024)));
    expect(frames.of(messages[5]!, () => "new")).toBe(made[5]);
    expect(frames.of(messages[0]!, () => "new")).toBe("new");
  });
});
