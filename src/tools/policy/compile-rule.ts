import type { Fault } from "../../core/fault.js";
import { invalid } from "../../core/fault.js";
import type { Rule } from "../../core/policy.js";
import type { ArgumentPatterns } from "./argument-pattern.js";
import { argumentPattern, parseArgumentPatterns } from "./argument-pattern.js";
import type { CommandPattern } from "./command-pattern.js";
import { parseCommandPattern } from "./command-pattern.js";
import type { PathPattern } from "./path-pattern.js";
import { parsePathPattern } from "./path-pattern.js";

/** What an argument of a tool is, where it is more than text. */
export type ArgumentKind =
  | { readonly kind: "command"; readonly argument: string }
  /** `tree`: the call is about everything below the path, which is the working directory where it is absent. */
  | { readonly kind: "path"; readonly argument: string; readonly tree: boolean }
  | { readonly kind: "name"; readonly argument: string };

const argumentKinds: ReadonlyMap<string, ArgumentKind> = new Map<string, ArgumentKind>([
  ["bash", { kind: "command", argument: "command" }],
  ["read", { kind: "path", argument: "path", tree: false }],
  ["write", { kind: "path", argument: "path", tree: false }],
  ["edit", { kind: "path", argument: "path", tree: false }],
  ["glob", { kind: "path", argument: "path", tree: true }],
  ["grep", { kind: "path", argument: "path", tree: true }],
  ["transfer_task", { kind: "name", argument: "agent" }],
  ["handoff", { kind: "name", argument: "agent" }],
]);

/** The tools whose rules are about one argument. */
export const toolsWithKinds: readonly string[] = [...argumentKinds.keys()];

/** The argument that rules on this tool are about, where their patterns are not pairs of name and value. */
export const argumentKind = (tool: string): ArgumentKind | undefined => argumentKinds.get(tool);

/** Which calls of a tool a rule is about. */
export type Matcher =
  | { readonly kind: "every" }
  /** Exactly these arguments, by their hash. */
  | { readonly kind: "same"; readonly sha256: string }
  | { readonly kind: "command"; readonly pattern: CommandPattern }
  | { readonly kind: "path"; readonly pattern: PathPattern }
  | { readonly kind: "arguments"; readonly patterns: ArgumentPatterns };

const longestPattern = 1_000;
const longestName = 128;

/**
 * Reads a rule's pattern. Throws `invalid` with the reason.
 *
 * | tool | pattern | is about |
 * |---|---|---|
 * | any, `*`, `github_*` | none | every call |
 * | any | `sha256:` and 64 hexadecimal digits | calls whose arguments have this hash |
 * | `bash` | `git status` | this program with these words, and no others |
 * | | `cat *` | and one word that is not an option, a setting, or a way out of the working directory |
 * | | `ls -la **` | and any number of such words |
 * | | `hello test:*` | and a word that begins so |
 * | | `!npm test` | a program that runs what files or arguments say: only a rule with `!` allows it |
 * | `read`, `write`, `edit`, `glob`, `grep` | `src/**` | paths in the working directory |
 * | `transfer_task`, `handoff` | `Researcher` | giving work to this agent, by name or id |
 * | other | `url=https://example.org/**` | these arguments |
 *
 * Where a rule asks or denies, a command pattern is about every command of a line that could be the one
 * it names, with whatever words stand between and after its own. `*` may be part of the program there.
 */
export function compileRule({ effect, tool, pattern }: Rule): Matcher {
  const fail = (why: string) => ruleFault({ effect, tool, ...(pattern !== undefined && { pattern }) }, why);
  if (tool.length > longestName || !/^(\*|[\w.:/-]+\*?)$/.test(tool)) throw fail("it names no tool");
  const known = argumentKind(tool);
  if (pattern === undefined || pattern === "") return { kind: "every" };
  if (tool.endsWith("*")) throw fail("a pattern is about one tool");
  const sha256 = /^sha256:([0-9a-f]{64})$/.exec(pattern)?.[1];
  if (sha256 !== undefined) return { kind: "same", sha256 };
  if (pattern.length > longestPattern) throw fail("its pattern is longer than 1000 characters");
  switch (known?.kind) {
    case "command": {
      const read = parseCommandPattern(pattern, effect === "allow");
      if (typeof read === "string") throw fail(read);
      return { kind: "command", pattern: read };
    }
    case "path": {
      const read = parsePathPattern(pattern);
      if (typeof read === "string") throw fail(read);
      return { kind: "path", pattern: read };
    }
    case "name":
      // The form that other tools have is understood here too: as a name it would be about no call at all.
      return {
        kind: "arguments",
        patterns: [argumentPattern(known.argument, pattern.replace(/^agent=/, ""))],
      };
    case undefined: {
      const read = parseArgumentPatterns(pattern);
      if (typeof read === "string") throw fail(read);
      return { kind: "arguments", patterns: read };
    }
    default:
      return known satisfies never;
  }
}

/** What is thrown for a rule that cannot be used. */
export const ruleFault = (rule: Rule, why: string): Fault =>
  invalid(`The rule ${showRule(rule)} cannot be used: ${why}.`);

/** A rule as people write it: `deny bash(rm)`. */
export function showRule({ effect, tool, pattern }: Rule): string {
  const text = `${effect} ${tool}${pattern === undefined ? "" : `(${pattern})`}`;
  const shown = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return shown.length > 120 ? `${shown.slice(0, 119)}…` : shown;
}
