import fc from "fast-check";
import { expect, it } from "vitest";
import { TextPieces } from "../../src/engine/text-pieces.js";

function whole(pieces: readonly string[]): string[] {
  const texts = new TextPieces();
  return [...pieces.map((piece) => texts.push(piece)), texts.end()];
}

it.each([
  [
    ["a", "b"],
    ["a", "b", ""],
  ],
  [
    ["x\ud83d", "\ude00y"],
    ["x", "\u{1f600}y", ""],
  ],
  [
    ["\ud83d", "", "\ude00"],
    ["", "", "\u{1f600}", ""],
  ],
  [
    ["\ud83d", "z"],
    ["", "\ufffdz", ""],
  ],
  [
    ["\ude00", "\ud83d"],
    ["\ufffd", "", "\ufffd"],
  ],
])("makes %j well-formed", (pieces, expected) => {
  expect(whole(pieces)).toEqual(expected);
});

it("adds up to the whole text, made well-formed, wherever it is cut", () => {
  const unit = fc.constantFrom("a", "\u{1f600}", "\ud83d", "\ude00", "\0", "\u2028");
  fc.assert(
    fc.property(fc.array(unit), fc.array(fc.nat(20)), (units, cuts) => {
      const text = units.join("");
      const at = [...new Set(cuts.map((cut) => Math.min(cut, text.length)))].sort((a, b) => a - b);
      const pieces = [0, ...at].map((from, i) => text.slice(from, at[i] ?? text.length));
      expect(whole(pieces).join("")).toBe(text.toWellFormed());
      for (const piece of whole(pieces)) expect(piece.isWellFormed()).toBe(true);
    }),
  );
});
