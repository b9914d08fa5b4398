import { baseName, isCommander, runsOthers } from "./program-kinds.js";
import { matchStars } from "./stars.js";

/** One word of a command pattern. */
type WordPattern =
  | { readonly kind: "literal"; readonly text: string }
  /** `*`: one word. */
  | { readonly kind: "one" }
  /** `**`: any number of words. */
  | { readonly kind: "rest" }
  /** `test:*`: what stands between the stars, in order. */
  | { readonly kind: "glob"; readonly parts: readonly string[] };

/** A pattern of commands: a program and its arguments. Plain data, so that it can go to another thread. */
export interface CommandPattern {
  /** The rule vouches for a program that runs what files or arguments say. */
  readonly vouched: boolean;
  readonly words: readonly WordPattern[];
}

const patternWord = /^[A-Za-z0-9_./:,%@+=^~*-]+$/;

/**
 * Reads a pattern such as `git log *`. Answers with a sentence where it cannot be read: words of letters,
 * digits and `_./:,%@+=^~-` with one blank between them, `**` only as the last, and, where it is to allow,
 * a program and flags written out.
 */
export function parseCommandPattern(text: string, forAllow: boolean): CommandPattern | string {
  const vouched = text.startsWith("!");
  const words = text.replace(/^! ?/, "").split(" ");
  if (words.some((word) => !patternWord.test(word))) {
    return "a command pattern is words of letters, digits and _./:,%@+=^~-* with one blank between them";
  }
  const patterns = words.map(parseWord);
  if (patterns.slice(0, -1).some(({ kind }) => kind === "rest")) return "** stands only at the end";
  if (patterns.some((word) => word.kind === "glob" && word.parts.slice(1, -1).includes(""))) {
    return "** stands alone";
  }
  if (forAllow && words[0]?.includes("*")) return "a rule that allows names the program in full";
  if (forAllow && words.some((word) => isFlag(word) && word.includes("*"))) {
    return "a rule that allows names each flag in full";
  }
  return { vouched, words: patterns };
}

function parseWord(word: string): WordPattern {
  if (word === "*") return { kind: "one" };
  if (word === "**") return { kind: "rest" };
  return word.includes("*") ? { kind: "glob", parts: word.split("*") } : { kind: "literal", text: word };
}

/** Words that many programs take for options, files of options, or settings. */
function isFlag(word: string): boolean {
  return /^[-+@]/.test(word);
}

/** What a star may stand for where a rule allows: not an option, a setting, an address or a way upwards. */
function isFree(word: string): boolean {
  return /^[A-Za-z0-9_.,%^~ /-][A-Za-z0-9_.,%@^~ /-]*$/.test(word) && !/^[-~]/.test(word) && !climbs(word);
}

const isPart = (text: string): boolean => /^[A-Za-z0-9_.,%@^-]*$/.test(text);

const climbs = (word: string): boolean => word.split("/").includes("..");

/**
 * The words that stars of the pattern stand for, where it allows exactly this command; undefined where it
 * does not. A caller has yet to see that none of them leads out of the working directory.
 */
export function allowsCommand(
  { vouched, words: patterns }: CommandPattern,
  words: readonly string[],
): string[] | undefined {
  if (!vouched && (runsOthers(words[0] ?? "") || leavesCommand(patterns))) return undefined;
  const open = patterns.at(-1)?.kind === "rest";
  const fixed = open ? patterns.slice(0, -1) : patterns;
  if (words.length < fixed.length || (!open && words.length > fixed.length)) return undefined;
  const free: string[] = [];
  for (const [index, word] of words.entries()) {
    const pattern = fixed[index] ?? { kind: "rest" };
    if (pattern.kind === "literal" ? pattern.text !== word : !fillsStar(pattern, word)) return undefined;
    if (pattern.kind !== "literal") free.push(word);
  }
  return free;
}

/** Commands of git that run others, by words that are no options. */
const gitRunners =
  /^(bisect|submodule|filter-branch|rebase|(diff|merge)tool|config|hook|for-each-repo|maintenance)$/;

/**
 * Whether stars of a pattern stand where a program is told what to do: its own command, tar's letters, or what a
 * command of git is to run.
 */
export function leavesCommand([program, command, ...others]: CommandPattern["words"]): boolean {
  if (program?.kind !== "literal" || command === undefined) return false;
  const name = baseName(program.text);
  if (command.kind !== "literal") return isCommander(name) || /^(bsd|g)?tar$/.test(name);
  return name === "git" && gitRunners.test(command.text) && others.some(({ kind }) => kind !== "literal");
}

function fillsStar(pattern: Exclude<WordPattern, { kind: "literal" }>, word: string): boolean {
  if (pattern.kind !== "glob") return isFree(word);
  const filled = matchStars(pattern.parts, word);
  return filled?.every(isPart) === true && !isFlag(word) && !climbs(word);
}

/** Words as far as they are known: undefined is one or more words that are not. */
export type SeenWords = readonly (string | undefined)[];

/** A command as it was seen: a program, and what follows it. */
export interface SeenCommand {
  readonly program: string;
  readonly words: SeenWords;
  /** Where in `words` the arguments begin. */
  readonly from: number;
  /** It may be given further arguments that are not known. */
  readonly more: boolean;
}

/**
 * Whether a command could be what the pattern is about. Generous: the program counts by its base name and
 * in any case, words may stand between those of the pattern, and options may be written in other ways.
 */
export function couldBe({ words: patterns }: CommandPattern, command: SeenCommand): boolean {
  const [first, ...rest] = patterns;
  const { program, words, from } = command;
  if (first === undefined) return true;
  if (!resembles(first, baseName(program)) && !resembles(first, program)) return false;
  if (rest.length === 0 || command.more) return true;
  const args = words.slice(from);
  const known = args.filter((word) => word !== undefined);
  return known.length < args.length || holdsAll(rest, known);
}

function holdsAll(patterns: readonly WordPattern[], args: readonly string[]): boolean {
  let from = 0;
  for (const pattern of patterns) {
    if (pattern.kind === "rest") continue;
    if (pattern.kind === "literal" && /^-./.test(pattern.text)) {
      if (!couldHaveFlag(pattern.text, args)) return false;
      continue;
    }
    const at = args.findIndex((word, index) => index >= from && resembles(pattern, word));
    if (at < 0) return false;
    from = at + 1;
  }
  return true;
}

/** Long options have abbreviations and short forms that only the program knows. */
function couldHaveFlag(flag: string, args: readonly string[]): boolean {
  if (args.includes(flag)) return true;
  const short = args
    .filter((word) => /^-[^-]/.test(word))
    .join("")
    .toLowerCase();
  const long = args.filter((word) => /^--./.test(word)).map(optionName);
  if (!flag.startsWith("--"))
    return long.length > 0 || [...flag.toLowerCase()].every((letter) => short.includes(letter));
  const name = optionName(flag);
  return short !== "" || long.some((other) => name.startsWith(other) || other.startsWith(name));
}

const optionName = (word: string): string => word.replace(/=.*/s, "");

function resembles(pattern: WordPattern, word: string): boolean {
  if (pattern.kind === "one" || pattern.kind === "rest") return true;
  const lower = word.toLowerCase();
  if (pattern.kind === "literal") {
    const text = pattern.text.toLowerCase();
    return lower === text || lower === baseName(text);
  }
  const parts = pattern.parts.map((part) => part.toLowerCase());
  return matchStars(parts, lower) !== undefined;
}
