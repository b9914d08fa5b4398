import { describe, expect, it } from "vitest";
import { EventLines, longestLine } from "../../src/providers/event-lines.js";

function read(pieces: readonly string[]): { events: string[]; rest: string | undefined } {
  const lines = new EventLines();
  const events = pieces.flatMap((piece) => lines.push(piece));
  return { events, rest: lines.end() };
}

describe("EventLines", () => {
  it.each([
    { name: "LF", text: "data: a\n\ndata: b\n\n", events: ["a", "b"] },
    { name: "CR LF", text: "data: a\r\n\r\ndata: b\r\n\r\n", events: ["a", "b"] },
    { name: "CR", text: "data: a\r\rdata: b\r\rx", events: ["a", "b"] },
    { name: "all of them mixed", text: "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", events: ["a", "b", "c"] },
    { name: "a byte order mark", text: "\ufeffdata: a\n\n", events: ["a"] },
    { name: "no space after the colon", text: "data:a\n\ndata:  b\n\n", events: ["a", " b"] },
    { name: "several data lines", text: "data: a\ndata: b\ndata\n\n", events: ["a\nb\n"] },
    {
      name: "names, ids, comments, unknown fields",
      text: ": x\nevent: e\nid: 1\ndatax: 2\nretry: 3\ndata: a\n\n",
      events: ["a"],
    },
    { name: "empty lines without an event", text: "\n\n\n: ping\n\n\ndata: a\n\n", events: ["a"] },
  ])("reads $name, however it is cut", ({ text, events }) => {
    expect(read([text]).events).toEqual(events);
    expect(read([...text]).events).toEqual(events);
    for (let at = 0; at <= text.length; at += 1) {
      expect(read([text.slice(0, at), text.slice(at)]).events, `cut at ${at}`).toEqual(events);
    }
  });

  it.each([
    { name: "an event without an empty line", text: "data: a\n\ndata: b\n", rest: "b" },
    { name: "a line without an end", text: "data: a\n\ndata: b", rest: "b" },
    { name: "nothing", text: "data: a\n\n", rest: undefined },
  ])("keeps $name for the end", ({ text, rest }) => {
    expect(read([text]).rest).toBe(rest);
  });

  it("refuses a line over the limit before it ends", () => {
    const lines = new EventLines();
    const piece = "x".repeat(1024 * 1024);
    lines.push("data: ");
    expect(() => {
      for (let i = 0; i < 9; i += 1) lines.push(piece);
    }).toThrow(RangeError);
  });

  it("refuses a whole line and an event over the limit", () => {
    expect(() => new EventLines().push(`data: ${"x".repeat(longestLine)}\n\n`)).toThrow(RangeError);
    const half = `data: ${"x".repeat(longestLine / 2)}\n`;
    expect(() => new EventLines().push(half + half + half)).toThrow(RangeError);
  });
});
