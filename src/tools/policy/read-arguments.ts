import type { SeenCommand, SeenWords } from "./command-pattern.js";
import {
  fillsProgram,
  isFedShell,
  isOperand,
  isUntold,
  mayBeInput,
  startsFedShell,
  takesLines,
} from "./fed-commands.js";
import { givesShellUntold, holdsCode, textsOfCode } from "./foreign-code.js";
import {
  baseName,
  isCommander,
  isInert,
  isInterpreter,
  isLikeBash,
  isPager,
  isShell,
  isWrapper,
  runsOthers,
} from "./program-kinds.js";
import { readRunningOptions } from "./running-options.js";
import { runsFiles } from "./runs-files.js";

/**
 * A text that may be shell source: `shell`, a shell surely reads it; `command`, a program that runs
 * commands is given it; `guess`, it is an argument of any other program, as likely prose.
 */
export interface Source {
  readonly text: string;
  readonly kind: "shell" | "command" | "guess";
}

/** What the arguments of one command may start. */
export interface Findings {
  readonly commands: readonly SeenCommand[];
  readonly sources: readonly Source[];
  /** Why it may start what is not among these. */
  readonly unclear?: string;
  /** It runs code that is not looked at: of a language other than the shell's, or in files. */
  readonly foreign: boolean;
}

const nothing: Findings = { commands: [], sources: [], foreign: false };

/** Reads the arguments of a command, the program first. Of prose, only programs that run others count. */
export function readArguments(words: SeenWords, prose: boolean): Findings {
  const [program, ...args] = words;
  if (program === undefined) return { ...nothing, unclear: "a program in it is not written out" };
  if (isInert(program)) return nothing;
  const runs = [program, ...(isWrapper(program) ? args : [])].filter((word) => word !== undefined);
  const shell = runs.find(isShell);
  const starter = shell !== undefined || isWrapper(program) || baseName(program) === "find";
  const options = readRunningOptions(program, args);
  const unclear = whyUnclear(program, args, shell) ?? options.unclear;
  return {
    commands: prose && !starter ? [] : startedBy(program, args),
    sources: [
      ...(baseName(program) === "find"
        ? sourcesOfFind(args)
        : sourcesIn(args, shell !== undefined ? "shell" : starter ? "command" : "guess")),
      ...sourcesIn(options.texts, "command"),
      ...textsOfCode(program, args).map((text) => ({ text, kind: "command" as const })),
    ],
    ...(unclear !== undefined && { unclear }),
    foreign:
      isFedOther(program, args) ||
      runsFiles(words) ||
      options.texts.some((text) => runsFiles(text.split(/\s+/))) ||
      runs.some((word) => isInterpreter(word) && holdsCode(word, words.slice(words.indexOf(word) + 1))),
  };
}

function whyUnclear(program: string, args: SeenWords, shell: string | undefined): string | undefined {
  const name = baseName(program);
  if (/^\/(proc|dev\/(fd|stdin))/.test(program))
    return "a program in it is named by a way that leads elsewhere";
  if (shell !== undefined && !isLikeBash(shell)) return `${shell} has another grammar than bash`;
  if (isWrapper(program) ? args.includes(undefined) : shell !== undefined && isUntold(program, args)) {
    return `${name} is given what is not written out`;
  }
  if (args.some((word) => word !== undefined && givesShellUntold(name, word)))
    return `${name} gives a shell what is not written out`;
  const says = runsUntold(name, args);
  if (says !== undefined) return says;
  if (name === "find" && findsUntold(args)) return "find runs what is not written out";
  if (/^(xargs|parallel)$/.test(name) && fillsProgram(name, args)) return `${name} runs what it reads`;
  const end = args.findIndex((one) => /^:{3,4}\+?$/.test(one ?? ""));
  const fed = [program, ...(isWrapper(program) ? args : [])].some((word, index) => {
    if (word === undefined) return false;
    const given = args.slice(index, end < 0 ? undefined : end);
    return (
      (isShell(word) && isFedShell(word, given)) || startsFedShell(word, given) || takesLines(word, given)
    );
  });
  return fed ? "a shell in it reads its commands from elsewhere" : undefined;
}

/** What builtins of the shell and git run of what is not written out. */
function runsUntold(name: string, args: SeenWords): string | undefined {
  if (
    name === "env" &&
    args.some((word) => /^(-[a-z0-9]*S|--s)/.test(word ?? "")) &&
    args.some((word) => /[\\$]/.test(word ?? ""))
  )
    return "env splits a text by rules of its own";
  if (name === "git" && args.some((word) => /^--config-env/.test(word ?? "")))
    return "git is set to what is not written out";
  if (name === "bind" && args.length > 0) return "bind has keys run commands";
  if (name === "fc" && !args.some((word) => /^-[a-z]*l/.test(word ?? "")))
    return "fc runs what was said before";
  if (/^comp(gen|lete)$/.test(name) && args.includes(undefined))
    return `${name} expands what is not written out`;
  const set = args.findIndex(
    (word, index) => word === undefined && /^(-c|--config-env)$/.test(args[index - 1] ?? ""),
  );
  const own = args.findIndex(
    (word, index) =>
      isOperand(word) && !/^(-[cC]|--(git-dir|work-tree|config-env))$/.test(args[index - 1] ?? ""),
  );
  const isSet = name === "git" && set >= 0 && (own < 0 || set < own);
  return isSet ? "git is set to what is not written out" : undefined;
}

/** Whether `find` is not told literally what to run, or fills the names that it finds into a program or into code. */
function findsUntold(args: SeenWords): boolean {
  return args.some((mark, index) => {
    if (!isExec(mark) || index + 1 >= args.length) return false;
    const started = args[index + 1];
    if (isUntoldOrFound(started)) return true;
    const given = args.slice(index + 2);
    return (
      started !== undefined &&
      runsOthers(started) &&
      given.some((word) => word === undefined || /{}./.test(word) || /.{}/.test(word))
    );
  });
}

const isUntoldOrFound = (word: string | undefined): boolean => word === undefined || word.includes("{}");
const isExec = (word: string | undefined): boolean => word !== undefined && /^-(exec|ok)(dir)?$/.test(word);

/**
 * Each argument as the start of a command. It is enough to know where each word occurs first: what follows
 * later is part of what follows there.
 */
function startedBy(program: string, args: SeenWords): SeenCommand[] {
  const more = /^(xargs|parallel|find)$/.test(baseName(program));
  const own = isCommander(program) ? args.findIndex(isOperand) : -1;
  const starts = new Map<string, number>();
  for (const [index, word] of args.entries()) {
    if (word === undefined || index === own) continue;
    const glued = /^-[A-Za-z]./.test(word) ? [word.slice(2), word.replace(/^-[a-z0-9]{0,4}S/, "")] : [];
    const inside = /\s/.test(word) ? [] : word.split(/[,:;|=]/);
    for (const start of [
      word,
      ...[word, ...inside, word.slice(word.indexOf("=") + 1)].map(withoutBang),
      ...glued,
    ]) {
      if (start !== "" && !starts.has(start)) starts.set(start, index + 1);
    }
  }
  return [...starts].map(([start, from]) => ({ program: start, words: args, from, more }));
}

/** Git, pagers and editors mark a command for the shell so. */
const withoutBang = (text: string): string => text.replace(/^[+:]*!/, "");

/** What stands before find's first command is names and patterns. */
function sourcesOfFind(args: SeenWords): Source[] {
  const at = args.findIndex(isExec);
  if (at < 0) return sourcesIn(args, "guess");
  return [...sourcesIn(args.slice(0, at), "guess"), ...sourcesIn(args.slice(at), "command")];
}

function sourcesIn(args: SeenWords, kind: Source["kind"]): Source[] {
  const sources: Source[] = [];
  for (const text of args) {
    if (text === undefined || (kind !== "shell" && /^[\w./:,%@+=^~-]*$/.test(text))) continue;
    sources.push({ text: withoutBang(text), kind });
    const inner = /^(?:-[a-z0-9]{0,4}S|-[A-Za-z]|[\w.-]*=)(.*)$/s.exec(text)?.[1];
    if (inner !== undefined) {
      sources.push({ text: withoutBang(inner), kind: kind === "shell" ? "command" : kind });
    }
  }
  return sources;
}

/** A program that runs what it is given in ways of its own: its input, or a shell that is fed there. */
function isFedOther(program: string, args: SeenWords): boolean {
  if (!runsOthers(program) || isShell(program) || isPager(program)) return false;
  if (args.some((word) => word === "-" || mayBeInput(word) || /^--eval\b/.test(word ?? ""))) return true;
  return args.some(
    (word, index) => word !== undefined && isShell(word) && isFedShell(word, args.slice(index + 1)),
  );
}
