/** Lines that were replaced by others: from the first up to, and without, the second index of each. */
export interface LineChange {
  readonly before: readonly [from: number, to: number];
  readonly after: readonly [from: number, to: number];
}

/** More changed lines than this are not looked for: memory grows with their square. */
const mostEdits = 1_000;
/** The product of lines and changed lines, to which the time is in proportion. */
const mostWork = 20_000_000;

/**
 * The changes that make one list of lines of another, in order: as few lines as can be (Myers, "An O(ND)
 * Difference Algorithm", 1986), or, where that would take too long, all between the first and the last.
 */
export function diffLines(before: readonly string[], after: readonly string[]): LineChange[] {
  const start = commonStart(before, after);
  const end = commonEnd(before, after, start);
  const old = before.slice(start, before.length - end);
  const young = after.slice(start, after.length - end);
  if (old.length === 0 && young.length === 0) return [];
  const kept = keptLines(old, young) ?? [];
  const changes: LineChange[] = [];
  let [x, y] = [0, 0];
  for (const [keptX, keptY] of [...kept, [old.length, young.length] as const]) {
    if (keptX > x || keptY > y) {
      changes.push({ before: [start + x, start + keptX], after: [start + y, start + keptY] });
    }
    [x, y] = [keptX + 1, keptY + 1];
  }
  return changes;
}

function commonStart(before: readonly string[], after: readonly string[]): number {
  const most = Math.min(before.length, after.length);
  let length = 0;
  while (length < most && before[length] === after[length]) length += 1;
  return length;
}

function commonEnd(before: readonly string[], after: readonly string[], start: number): number {
  const most = Math.min(before.length, after.length) - start;
  let length = 0;
  while (length < most && before.at(-1 - length) === after.at(-1 - length)) length += 1;
  return length;
}

type Pair = readonly [before: number, after: number];

/** The pairs of equal lines that are kept, in order; undefined where there are too many changes to look for. */
function keptLines(before: readonly string[], after: readonly string[]): Pair[] | undefined {
  const size = before.length + after.length;
  const most = Math.min(size, mostEdits, Math.floor(mostWork / size));
  const furthest = new Int32Array(2 * most + 3);
  const trail: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits += 1) {
    trail.push(furthest.slice(most - edits, most + edits + 3));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      const at = most + 1 + diagonal;
      const [left = 0, right = 0] = [furthest[at - 1], furthest[at + 1]];
      const isDown = diagonal === -edits || (diagonal !== edits && left < right);
      let x = isDown ? right : left + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x += 1;
      furthest[at] = x;
      if (x >= before.length && x - diagonal >= after.length)
        return walkBack(trail, before.length, after.length);
    }
  }
  return undefined;
}

/** From the end, through what each number of edits had reached, to the start. */
function walkBack(trail: readonly Int32Array[], endX: number, endY: number): Pair[] {
  const kept: Pair[] = [];
  let [x, y] = [endX, endY];
  for (let edits = trail.length - 1; edits >= 0; edits -= 1) {
    const reached = trail[edits] ?? new Int32Array();
    const middle = edits + 1;
    const diagonal = x - y;
    const [left = 0, right = 0] = [reached[middle + diagonal - 1], reached[middle + diagonal + 1]];
    const isDown = diagonal === -edits || (diagonal !== edits && left < right);
    const fromX = edits === 0 ? 0 : isDown ? right : left;
    const fromY = edits === 0 ? 0 : fromX - (diagonal + (isDown ? 1 : -1));
    while (x > fromX && y > fromY) {
      [x, y] = [x - 1, y - 1];
      kept.push([x, y]);
    }
    [x, y] = [fromX, fromY];
  }
  return kept.reverse();
}
