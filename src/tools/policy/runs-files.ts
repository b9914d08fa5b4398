import type { SeenWords } from "./command-pattern.js";
import { isOperand } from "./fed-commands.js";
import {
  baseName,
  isCommander,
  isInterpreter,
  isPager,
  isRunner,
  isShell,
  isWrapper,
} from "./program-kinds.js";

/**
 * Whether a command runs code that stands in files: a script, what a build tool or an interpreter is set up to run, or
 * a program that is found by a path. Of wrappers and `find`, what they start counts.
 */
export function runsFiles(words: SeenWords): boolean {
  for (const index of startsOf(words)) {
    const program = words[index];
    if (program !== undefined && isFileRun(withoutAlias(words, program), words, index + 1)) return true;
  }
  return false;
}

/** Where a command may begin: in front, and where a wrapper or `find` starts one. Each place once. */
function startsOf(words: SeenWords): ReadonlySet<number> {
  const starts = new Set([0]);
  let wrapped = words.length;
  let found = words.length;
  for (const index of starts) {
    const program = words[index];
    if (program === undefined) continue;
    if (baseName(program) === "find") {
      for (let at = index + 1; at < found; at += 1) if (isExec(words[at])) starts.add(at + 1);
      found = Math.min(found, index + 1);
    } else if (isTransparent(program)) {
      for (let at = index + 1; at < words.length; at += 1) {
        starts.add(at);
        if (isCommandWord(words, at)) break;
      }
    } else if (isWrapper(program)) {
      for (let at = index + 1; at < wrapped; at += 1) starts.add(at);
      wrapped = Math.min(wrapped, index + 1);
    }
  }
  return starts;
}

const isExec = (word: string | undefined): boolean => /^-(exec|ok)(dir)?$/.test(word ?? "");

/** What an alias stands for. */
const withoutAlias = (words: SeenWords, word: string): string =>
  words[0] === "alias" ? word.replace(/^[^=]*=/, "") : word;

/** Wrappers whose first word that is no option, value of one, number or setting is the command. */
const isTransparent = (program: string): boolean =>
  /^(nohup|nice|ionice|timeout|sudo|doas|env|stdbuf|setsid|time|xargs|command|builtin|exec|strace|ltrace|watch)$/.test(
    baseName(program),
  );

/** Options of these wrappers whose value is the next word. */
const valued = /^(-[A-Za-z]*[ugCDhpRrtTUadEIJLnPskoiefScN]|--[a-z-]+)$/;

function isCommandWord(words: SeenWords, index: number): boolean {
  return /^[A-Za-z_][\w.+-]*$/.test(words[index] ?? "") && !valued.test(words[index - 1] ?? "");
}

function isFileRun(program: string, words: SeenWords, from: number): boolean {
  if (program.includes("/") && !/^\/(usr\/(local\/)?)?s?bin\/[^/]+$/.test(program))
    return !/^-|=|:/.test(program);
  if (isShell(program)) return isScript(program, words.slice(from));
  if (isInterpreter(program)) return isProgramFile(baseName(program), words.slice(from));
  return isRunner(program) && !isPager(program) && !isQuiet(program, words.slice(from));
}

function isScript(shell: string, args: SeenWords): boolean {
  if (baseName(shell) === "eval") return false;
  if (/^(source|\.)$/.test(shell)) return args.some(isOperand);
  if (args.some((word) => /^--(rcfile|init-file)/.test(word ?? ""))) return true;
  const isText = args.some((word) => /^-[A-Za-z]*c/.test(word ?? ""));
  return !isText && args.some(isOperand);
}

function isProgramFile(name: string, args: SeenWords): boolean {
  if (/awk$/.test(name))
    return args.some((word) => /^(-[A-Za-z]*[filE]|--(file|include|load|exec))/.test(word ?? ""));
  if (/sed$/.test(name))
    return args.some((word) => /^(-[a-zA-Z]*f|--file)/.test(word ?? "") && !/^-i/.test(word ?? ""));
  if (/^([jy]q|sqlite3?|bc)/.test(name)) return false;
  return !isAsking(args);
}

/** Whether a command is only for a version or for help. */
export const isAsking = (args: SeenWords): boolean =>
  args.length > 0 && args.every((word) => /^(-[Vvh]|--(version|help))$/.test(word ?? ""));

/** Commands that show something, of programs that have commands of their own. */
const shows = new Set(
  "status ls list info view freeze search outdated why tree ps images logs inspect version help get describe top".split(
    " ",
  ),
);

function isQuiet(program: string, args: SeenWords): boolean {
  if (isAsking(args)) return true;
  const name = baseName(program);
  if (name === "crontab") return args.some((word) => /^-[lr]$/.test(word ?? ""));
  if (/^(nc|ncat|netcat|socat)$/.test(name)) return true;
  if (!isCommander(program) || /^(yarn|pnpm)$/.test(name) || args.includes(undefined)) return false;
  return shows.has(args.find(isOperand) ?? "");
}
