import type { LineChange } from "./line-diff.js";
import { diffLines } from "./line-diff.js";

/** Lines around a change. */
const context = 3;
const noEnd = "\n\\ No newline at end of file";

/** A change of a text as `diff -u` shows it, without the names of files; empty where nothing changes. */
export function unifiedDiff(before: string, after: string): string {
  const [old, young] = [toLines(before), toLines(after)];
  return inHunks(diffLines(old, young))
    .map((changes) => showHunk(changes, old, young))
    .join("\n");
}

/** Lines with what ends them, so that one without a line feed differs from one with. */
function toLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Changes whose surroundings touch are shown together. */
function inHunks(changes: readonly LineChange[]): LineChange[][] {
  const hunks: LineChange[][] = [];
  for (const change of changes) {
    const last = hunks.at(-1);
    const end = last?.at(-1)?.before[1];
    if (last && end !== undefined && change.before[0] - end <= 2 * context) last.push(change);
    else hunks.push([change]);
  }
  return hunks;
}

function showHunk(changes: readonly LineChange[], old: readonly string[], young: readonly string[]): string {
  const [first, last] = [changes[0], changes.at(-1)];
  if (!first || !last) return "";
  const lead = Math.min(context, first.before[0]);
  const tail = Math.min(context, old.length - last.before[1]);
  const lines: string[] = [];
  let at = first.before[0] - lead;
  for (const { before, after } of changes) {
    lines.push(...show(" ", old.slice(at, before[0])));
    lines.push(...show("-", old.slice(...before)), ...show("+", young.slice(...after)));
    at = before[1];
  }
  lines.push(...show(" ", old.slice(at, at + tail)));
  const from = range(first.before[0] - lead, last.before[1] + tail);
  const to = range(first.after[0] - lead, last.after[1] + tail);
  return `@@ -${from} +${to} @@\n${lines.join("\n")}`;
}

/** As `diff` counts: from 1, and of no lines the one before. */
function range(from: number, to: number): string {
  const count = to - from;
  return count === 1 ? `${from + 1}` : `${count === 0 ? from : from + 1},${count}`;
}

function show(mark: string, lines: readonly string[]): string[] {
  return lines.map((line) => mark + (line.endsWith("\n") ? line.slice(0, -1) : line + noEnd));
}
