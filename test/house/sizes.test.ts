import { describe, expect, it } from "vitest";
import { readProjectFile } from "./repository.js";
import { sourceFiles } from "./source-imports.js";

const sizes = sourceFiles()
  .map((file) => ({ file, lines: readProjectFile(file).split("\n").length - 1 }))
  .sort((a, b) => a.lines - b.lines);
const quantile = (share: number): number => sizes[Math.floor((sizes.length - 1) * share)]!.lines;

describe("lines of a source file", () => {
  it("are at most 120 in the median", () => {
    expect(sizes.length).toBeGreaterThan(20);
    expect(quantile(0.5)).toBeLessThanOrEqual(120);
  });

  it("are at most 300 in nine files of ten", () => {
    expect(quantile(0.9)).toBeLessThanOrEqual(300);
  });

  it("are never more than 400", () => {
    expect(sizes.filter(({ lines }) => lines > 400)).toEqual([]);
  });
});
