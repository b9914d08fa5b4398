import { matchStars } from "./stars.js";

/** A glob of paths in the working directory, cut at its slashes. */
export type PathPattern = readonly string[];

/**
 * Reads a pattern such as `src/**` or `**` + `/*.md`: `*` is any part of one name, `**` any number of names.
 * Answers with a sentence where it is not a plain relative path.
 */
export function parsePathPattern(text: string): PathPattern | string {
  const names = text.split("/");
  if (/[\p{C}\\]/u.test(text) || text.startsWith("~"))
    return "a path pattern holds no control characters, \\ or ~";
  if (names.some((name) => name === "" || name === "." || name === "..")) {
    return "a path pattern is relative to the working directory and has no empty, . or .. part";
  }
  if (names.some((name) => name !== "**" && name.includes("**"))) return "** stands alone between slashes";
  return names;
}

/** How a pattern is held against a path: `exact`, or so that other spellings on some disk count as well. */
interface PathQuestion {
  readonly pattern: PathPattern;
  /** Relative to the working directory; empty for itself. */
  readonly path: string;
  /** The call is about everything below the path. */
  readonly tree: boolean;
}

/** Whether the pattern covers the path, and with `tree` everything below it. */
export function coversPath({ pattern, path, tree }: PathQuestion): boolean {
  if (tree && pattern.at(-1) !== "**") return false;
  return reach(pattern, split(path)).has(pattern.length);
}

/** Whether the pattern is about the path, in any case, or with `tree` about something below it. */
export function touchesPath({ pattern, path, tree }: PathQuestion): boolean {
  const reached = reach(
    pattern.map((name) => name.toLowerCase()),
    split(path.toLowerCase()),
  );
  return tree ? reached.size > 0 : reached.has(pattern.length);
}

const split = (path: string): string[] => (path === "" ? [] : path.split("/"));

/** Numbers of the pattern's names that can be used up by exactly these names. */
function reach(pattern: PathPattern, names: readonly string[]): ReadonlySet<number> {
  let reached = skipStars(pattern, [0]);
  for (const name of names) {
    const next = [...reached].flatMap((at) => {
      const wanted = pattern[at];
      if (wanted === undefined) return [];
      if (wanted === "**") return [at];
      return matchStars(wanted.split("*"), name) ? [at + 1] : [];
    });
    reached = skipStars(pattern, next);
  }
  return reached;
}

/** `**` may stand for no name at all. */
function skipStars(pattern: PathPattern, positions: readonly number[]): ReadonlySet<number> {
  const all = new Set<number>();
  for (const position of positions) {
    let at = position;
    all.add(at);
    while (pattern[at] === "**") all.add(++at);
  }
  return all;
}
