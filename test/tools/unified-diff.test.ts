import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diffLines } from "../../src/tools/line-diff.js";
import { unifiedDiff } from "../../src/tools/unified-diff.js";

describe("a diff of", () => {
  it.each([
    ["nothing", "a\n", "a\n", ""],
    ["a new file", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b"],
    ["a file emptied", "a\n", "", "@@ -1 +0,0 @@\n-a"],
    ["a line", "a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c"],
    ["a line added", "a\nc\n", "a\nb\nc\n", "@@ -1,2 +1,3 @@\n a\n+b\n c"],
    [
      "a last line that gets its end",
      "a\nb",
      "a\nb\n",
      "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b",
    ],
    ["line ends", "a\r\n", "a\n", "@@ -1 +1 @@\n-a\r\n+a"],
    [
      "places that are close",
      "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
      "1\nx\n3\n4\n5\n6\n7\ny\n9\n",
      "@@ -1,9 +1,9 @@\n 1\n-2\n+x\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n 9",
    ],
    [
      "places that are far from each other",
      "a\n1\n2\n3\n4\n5\n6\n7\nb\n",
      "x\n1\n2\n3\n4\n5\n6\n7\ny\n",
      "@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y",
    ],
  ])("%s", (_name, before, after, diff) => {
    expect(unifiedDiff(before, after)).toBe(diff);
  });
});

const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 40 });

/** The lines after, made of those before and the changes. */
function apply(before: readonly string[], after: readonly string[]): string[] {
  const made: string[] = [];
  let at = 0;
  for (const change of diffLines(before, after)) {
    expect(change.after[0]).toBe(made.length + change.before[0] - at);
    made.push(...before.slice(at, change.before[0]), ...after.slice(...change.after));
    at = change.before[1];
  }
  return [...made, ...before.slice(at)];
}

function longestCommon(a: readonly string[], b: readonly string[]): number {
  const rows = a.map(() => b.map(() => 0));
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (const [i, x] of a.entries()) {
    for (const [j, y] of b.entries()) {
      rows[i]![j] = x === y ? at(i - 1, j - 1) + 1 : Math.max(at(i - 1, j), at(i, j - 1));
    }
  }
  return at(a.length - 1, b.length - 1);
}

it("leads from the one text to the other, and changes no more than it must", () => {
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      expect(apply(before, after)).toEqual(after);
      const removed = diffLines(before, after).reduce((sum, { before: [from, to] }) => sum + to - from, 0);
      expect(removed).toBe(before.length - longestCommon(before, after));
    }),
    { numRuns: 2_000 },
  );
});

it("of texts with nothing in common is one change, and takes no time to speak of", () => {
  const [before, after] = ["a", "b"].map((letter) => Array.from({ length: 200_000 }, (_, i) => letter + i));
  expect(diffLines(before!, after!)).toEqual([{ before: [0, 200_000], after: [0, 200_000] }]);
});
