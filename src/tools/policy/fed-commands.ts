import { posix } from "node:path";
import type { SeenWords } from "./command-pattern.js";
import { baseName, isShell, isWrapper } from "./program-kinds.js";

/** Whether a word names what is already open, such as /dev/stdin, or could once it is expanded. */
export function mayBeInput(word: string | undefined): boolean {
  if (word === undefined || !/^(\/|\.\.?\/)/.test(word)) return false;
  const absolute = posix.normalize(word).replace(/^(\.\.\/)+/, "/");
  return /^\/(dev\/(?!null$)|proc\/)/.test(absolute) || /[*?[{]/.test(word);
}

/** Whether a shell with these arguments takes its commands from its input. */
export function isFedShell(shell: string, args: SeenWords): boolean {
  if (shell === "eval") return false;
  if (/^(source|\.)$/.test(shell)) return !args.some(isOperand) || args.some(mayBeInput);
  const at = firstOperand(args, "oO");
  const options = args.slice(0, at);
  if (options.some((word) => /^-[A-Za-z]*s/.test(word ?? ""))) return true;
  const isText = options.some((word) => /^-[A-Za-z]*c/.test(word ?? ""));
  return at >= args.length || (!isText && mayBeInput(args[at]));
}

/** Programs that start a shell where they are given no command: options with a value, and words before a command. */
const shellStarters: ReadonlyMap<string, { readonly values: string; readonly before: number }> = new Map([
  ["ssh", { values: "BbcDEeFIiJLlmOoPpQRSWw", before: 1 }],
  ["chroot", { values: "", before: 1 }],
  ["nsenter", { values: "tSGWrw", before: 0 }],
  ["unshare", { values: "SGRw", before: 0 }],
  ["fakeroot", { values: "lfisbu", before: 0 }],
  ["proot", { values: "rbqwvR", before: 0 }],
  ["firejail", { values: "", before: 0 }],
]);

const sudoValues = "ugCDhpRrtTUa";

/** Whether a program that runs another would start a shell, which takes its commands from its input. */
export function startsFedShell(program: string, args: SeenWords): boolean {
  const name = baseName(program);
  if (name === "su" || name === "runuser") {
    return !args.some((word) => /^(-[A-Za-z]*[cu]|--(session-)?command|--user)/.test(word ?? ""));
  }
  if (name === "newgrp") return true;
  if (name === "script") return !args.some((word) => /^(-[A-Za-z]*c|--command)/.test(word ?? ""));
  if (name === "sudo" || name === "doas") {
    const own = args.slice(0, firstOperand(args, sudoValues));
    const asks = own.some((word) => /^(-[A-Za-z]*[si]|--(shell|login)$)/.test(word ?? ""));
    return asks && own.length === args.length;
  }
  const starter = shellStarters.get(name);
  if (starter === undefined) return false;
  let rest = args;
  for (let left = starter.before; left >= 0; left -= 1) {
    const at = firstOperand(rest, starter.values);
    if (at >= rest.length) return true;
    rest = rest.slice(at + 1);
  }
  return false;
}

/** Programs that take lines of shell from their input, unless they are told to do something else. */
export function takesLines(program: string, args: SeenWords): boolean {
  const name = baseName(program);
  if (name === "batch") return true;
  if (name === "at") return !args.some((word) => /^-[A-Za-z]*[lrdcf]/.test(word ?? ""));
  if (name !== "crontab") return false;
  return args.includes("-") || !args.some((word) => isOperand(word) || /^-[A-Za-z]*[lre]/.test(word ?? ""));
}

/** Whether `xargs` or `parallel` fill in the program that they run, not only its arguments. */
export function fillsProgram(name: string, args: SeenWords): boolean {
  const start = firstOperand(args, name === "xargs" ? "adEIJLnPs" : "jINnaS");
  const [own, rest] = [args.slice(0, start), args.slice(start)];
  const runner = rest.findIndex((word) => word !== undefined && (isWrapper(word) || isShell(word)));
  const mark = name === "parallel" ? "{" : replaced(own);
  if (mark !== undefined && (name === "xargs" || rest.some((word) => word?.includes(mark)))) {
    const [first, ...others] = rest;
    const isMarked = (word: string | undefined): boolean => word === undefined || word.includes(mark);
    return first === undefined || isMarked(first) || (runner >= 0 && others.some(isMarked));
  }
  if (rest.length === 0) return name === "parallel";
  if (runner < 0) return false;
  const given = rest.slice(runner + 1);
  return !given.some((word, i) => isOperand(word) && !/^\d|=/.test(word ?? "") && !isValue(given, i));
}

/** What stands for the input in the command of xargs, where it says. */
function replaced(own: SeenWords): string | undefined {
  const at = own.findIndex((word) => /^(-[A-Za-z0-9]*[IiJ]|--replace)/.test(word ?? ""));
  if (at < 0) return undefined;
  const glued = /^(?:-[A-Za-z0-9]*?[IiJ]|--replace=)(.+)$/.exec(own[at] ?? "")?.[1];
  return glued ?? (/[IJ]$/.test(own[at] ?? "") ? own[at + 1] : undefined) ?? "{}";
}

/** Whether it is not written out what a shell is to run. */
export function isUntold(shell: string, args: SeenWords): boolean {
  if (shell === "eval") return args.includes(undefined);
  const at = firstOperand(args, "oO");
  const isText = args.slice(0, at).some((word) => /^-[A-Za-z]*c/.test(word ?? ""));
  return (isText ? args : args.slice(0, at + 1)).includes(undefined);
}

/** It may belong to the option before it. */
const isValue = (words: SeenWords, index: number): boolean => /^-[A-Za-z]$/.test(words[index - 1] ?? "");

/** A word that is no option. */
export const isOperand = (word: string | undefined): boolean => word !== undefined && /^[^-+]/.test(word);

/** Where the first word stands that is neither an option nor the value of one; a lone `-` ends the options too. */
function firstOperand(args: SeenWords, values: string): number {
  for (let i = 0; i < args.length; i += 1) {
    const word = args[i];
    if (word === "--" || word === "-") return i + 1;
    if (word === undefined || isOperand(word)) return i;
    const isShort = /^[-+][A-Za-z]+$/.test(word);
    if ((isShort && values.includes(word.at(-1) ?? "")) || /^--(rcfile|init-file)$/.test(word)) i += 1;
  }
  return args.length;
}
