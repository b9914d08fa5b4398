import type { Assignment, Word } from "unbash";
import { literalValue } from "./literal-value.js";
import type { NumberNames } from "./number-names.js";
import { isName } from "./read-arithmetic.js";

type Argument = Word | Assignment;

/**
 * What a builtin of bash does with the names of variables that it is given, whose subscripts it expands: takes note of
 * what it sets, and answers why it may run what cannot be seen. `find` is told by its words what to run, and is here too.
 */
export function readBuiltin(name: string, args: readonly Argument[], names: NumberNames): string | undefined {
  const words = args.filter((arg) => arg.type === "Word");
  const named = `${name} is given a variable that is not named literally`;
  switch (name) {
    case "let":
      return args.every((arg) => arg.type === "Word" && names.takeWord(arg)) ? undefined : unseenBy(name);
    case "declare":
    case "typeset":
    case "local":
    case "export":
    case "readonly":
      return readDeclaration(name, args, names);
    case "read":
    case "mapfile":
    case "readarray":
    case "getopts":
    case "unset":
      return readNames(name, words, names) ? undefined : named;
    case "printf":
      return readPrintf(words, names) ? undefined : named;
    case "wait":
      noteNames(words, names);
      return words.every((word) => isPlain(word) || names.takeWord(word)) ? undefined : named;
    case "test":
    case "[":
      return readTest(words, names) ? undefined : `${name} is given what may be a variable's subscript`;
    case "find":
      return readFind(words) ? undefined : "find may be told to run what is not written out";
    default:
      return undefined;
  }
}

const unseenBy = (name: string): string =>
  `${name} is given arithmetic on what is not written out as numbers`;

/** A word without expansions and without a subscript that is more than a number. */
function isPlain(word: Word): boolean {
  if (isName(word)) return true;
  const value = literalValue(word);
  return value !== undefined && (!value.includes("[") || isName({ text: value.replace(/\+?=.*/s, "") }));
}

function noteNames(words: readonly Word[], names: NumberNames): void {
  for (const word of words) {
    const name = /^(?:-[A-Za-z]*)?([A-Za-z_]\w*)/.exec(literalValue(word) ?? "")?.[1];
    if (name !== undefined) names.write(name);
  }
}

function readDeclaration(name: string, args: readonly Argument[], names: NumberNames): string | undefined {
  const options = args.flatMap((arg) => (arg.type === "Word" ? (literalValue(arg) ?? []) : []));
  const has = (letter: string): boolean =>
    options.some((word) => /^[-+][A-Za-z]/.test(word) && word.includes(letter));
  const isDeclaring = name !== "export" && name !== "readonly";
  if (isDeclaring && has("n")) return `${name} lets a name stand for another one`;
  for (const arg of args) {
    if (arg.type === "Assignment") {
      const { value } = arg;
      if (!(isDeclaring && has("i"))) continue;
      if (value.type !== "Word" || !names.takeWord(value)) return unseenBy(name);
      continue;
    }
    const given = /^["']?([A-Za-z_]\w*)\+?=/.exec(arg.text)?.[1];
    if (given !== undefined) names.write(given);
    else if (!isPlain(arg)) return `${name} is given a variable that is not named literally`;
    // Whatever it is set to from here on is arithmetic.
    else if (isDeclaring && has("i") && isName(arg)) names.takeWord(arg);
  }
  return undefined;
}

/** Options of these builtins whose values are no names. */
const valued: Readonly<Record<string, RegExp>> = {
  read: /^-[A-Za-z]*[dinNptu]$/,
  mapfile: /^-[A-Za-z]*[dnOsu]$/,
};

function readNames(name: string, words: readonly Word[], names: NumberNames): boolean {
  if (name !== "unset") noteNames(words, names);
  const options = valued[name === "readarray" ? "mapfile" : name];
  return words.every((word, index) => {
    const before = words[index - 1];
    const isValue = before !== undefined && options?.test(literalValue(before) ?? "") === true;
    return (isValue && isOne(word)) || isPlain(word);
  });
}

function readPrintf(words: readonly Word[], names: NumberNames): boolean {
  const [first, second] = words;
  if (first === undefined) return true;
  const option = literalValue(first);
  if (option === undefined) return /^["']?[^"'$`*?[{-]/.test(first.text) && !first.text.startsWith('"-');
  if (!option.startsWith("-v")) return true;
  const target =
    option === "-v" ? second : { ...first, text: option.slice(2), value: option.slice(2), parts: undefined };
  if (target === undefined) return true;
  noteNames([target], names);
  return isName(target);
}

/** `test` is told by its arguments what is a name: those that come from expansions may say so, or be one. */
function readTest(words: readonly Word[], names: NumberNames): boolean {
  return words.every((word, index) => {
    const before = words[index - 1];
    const operator = before && literalValue(before);
    const isFree = before === undefined || (operator !== undefined && !/^-[vR]$/.test(operator));
    const value = literalValue(word);
    if (value !== undefined) return isFree || !value.includes("[") || isName({ text: value });
    return (isFree && isOne(word)) || names.takeWord(word);
  });
}

/** Words that are not written out are values of tests, or one place to look in. */
function readFind(words: readonly Word[]): boolean {
  const values = words.map(literalValue);
  const first = values.findIndex((value) => value?.startsWith("-"));
  const places = values.slice(0, first < 0 ? undefined : first);
  if (places.filter((value) => value === undefined).length > 1) return false;
  return words.every((word, index) => {
    if (values[index] !== undefined) return true;
    return isOne(word) && (index < places.length || values[index - 1]?.startsWith("-") === true);
  });
}

/** Whether a word with expansions stays one word: all of them are in double quotes, and none is a list. */
function isOne({ parts = [] }: Word): boolean {
  return parts.every((part) => {
    if (part.type === "Literal" || part.type === "SingleQuoted" || part.type === "AnsiCQuoted") return true;
    if (part.type !== "DoubleQuoted") return false;
    return part.parts.every(({ text }) => !/^\$[@*]|\$\{[^}]*[@*]/.test(text));
  });
}
