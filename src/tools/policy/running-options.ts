import type { SeenWords } from "./command-pattern.js";
import { baseName, isInert } from "./program-kinds.js";

/** Options of a program that name a command: letters that take one, and long names. */
interface Running {
  readonly letters: string;
  readonly names: readonly string[];
}

const running = (letters: string, names = ""): Running => ({
  letters,
  names: names.split(" ").filter(Boolean),
});

const tar = running(
  "FI",
  "checkpoint-action to-command use-compress-program info-script new-volume-script rsh-command rmt-command",
);
const compiler = running("BX", "specs ld-path");
const programs: ReadonlyMap<string, Running> = new Map([
  ["tar", tar],
  ["gtar", tar],
  ["bsdtar", tar],
  ["cpio", running("", "rsh-command")],
  ["rsync", running("e", "rsh rsync-path")],
  ["scp", running("SoF")],
  ["sftp", running("SoFD")],
  ["sort", running("", "compress-program")],
  ["split", running("", "filter")],
  ["zip", running("T", "unzip-command")],
  ["zipinfo", running("")],
  ["man", running("PH", "pager html")],
  ["rg", running("", "pre hostname-bin")],
  ["ag", running("", "pager")],
  ["fd", running("xX", "exec exec-batch")],
  ["fdfind", running("xX", "exec exec-batch")],
  ["fzf", running("", "preview bind listen")],
  ["sdiff", running("", "diff-program")],
  ["diff3", running("", "diff-program")],
  ["wget", running("e", "use-askpass config execute")],
  ["tcpdump", running("z")],
  ["openssl", running("", "engine provider-path")],
  ["nmap", running("", "script")],
  ["ctags", running("", "options filter-terminator")],
  ["rpm", running("DE", "eval define pipe")],
  ["dpkg", running("", "pre-invoke post-invoke admindir root")],
  ["apt", running("oc", "option config-file")],
  ["apt-get", running("oc", "option config-file")],
  ["mail", running("S")],
  ["logrotate", running("")],
  ["ip", running("b", "batch")],
  ...["cc", "gcc", "g++", "c++", "clang", "clang++", "cpp", "gfortran", "ld", "as"].map(
    (name): [string, Running] => [name, compiler],
  ),
]);

/** Commands of git that start others, or ask another machine to. */
const gitStarts =
  /^(clone|fetch|pull|push|ls-remote|archive|grep|rebase|bisect|submodule|(diff|merge)tool|filter-branch|config|send-email|for-each-repo|hook|remote|worktree|init)$/;

/** Options of programs that are not listed. */
const telling =
  /exec|command|cmd|pager|editor|shell|rsh|wrapper|program|filter|hook|preview|plugin|askpass|viewer|browser|invoke|runner|action|preprocess|proxy/;
const longestOption = 100;

/** Words before a command that a program is to start. */
const startsCommands = /^(exec|run|foreach|run-script)$/;

/** What options of a command run. */
export interface OptionRuns {
  /** Commands that options name. */
  readonly texts: readonly string[];
  /** Why it may run what is not among these. */
  readonly unclear?: string;
}

/**
 * Looks for options by which a program runs others. Of a program that has such options, every word that is not written
 * out may be one.
 */
export function readRunningOptions(program: string, args: SeenWords): OptionRuns {
  if (isInert(program)) return { texts: [] };
  const name = baseName(program).replace(
    /^.*-(?=(gcc|g\+\+|clang|clang\+\+|ld|as)(-[\d.]+)?$)|-[\d.]+$/g,
    "",
  );
  const known = programs.get(name);
  const isUntold = args.includes(undefined);
  const isStarting =
    known !== undefined || (name === "git" && args.slice(0, 1 + args.findIndex(isGitStart)).length > 0);
  const isGitUntold = name === "git" && args[0] === undefined && args.length > 0;
  if (isUntold && (isStarting || isGitUntold))
    return { texts: [], unclear: `${name} has options that run others and is given what is not written out` };
  const lastUntold = args.lastIndexOf(undefined);
  const values = args.flatMap((word, index) =>
    startsCommands.test(word ?? "") && lastUntold > index ? [undefined] : valuesOf(known, args, index),
  );
  return {
    texts: [
      ...values.filter((value) => value !== undefined),
      ...(name === "git" ? settingsOfGit(args) : []),
      ...(name === "socat" ? args.flatMap(commandOfAddress) : []),
    ],
    ...(values.includes(undefined) && { unclear: `${name} is told to run what is not written out` }),
  };
}

/** What git is told before its command: settings, which name commands, and where its own programs are. */
function settingsOfGit(args: SeenWords): string[] {
  const folder = args.find((word) => /hookspath|include(if\..*)?\.path/i.test(word ?? ""));
  if (folder !== undefined) return ["./config"];
  const end = args.findIndex(
    (word, index) => /^[^-]/.test(word ?? "") && !/^-[cC]$/.test(args[index - 1] ?? ""),
  );
  return args.slice(0, end < 0 ? undefined : end).flatMap((word, index) => {
    const path = /^--(?:exec-path|git-dir|work-tree)(?:=(.*))?$/s.exec(word ?? "");
    if (path) return [`./${path[1] ?? ""}`];
    return args[index - 1] === "-c" && word !== undefined ? [word.slice(word.indexOf("=") + 1)] : [];
  });
}

/** What socat runs for an address. */
const commandOfAddress = (word: string | undefined): string[] =>
  /^(?:exec|system|shell)[^:]*:(.*)$/is.exec(word ?? "")?.slice(1) ?? [];

const isGitStart = (word: string | undefined): boolean => word !== undefined && gitStarts.test(word);

/** The commands that one word says or announces; undefined among them: one that is not written out. */
function valuesOf(known: Running | undefined, args: SeenWords, index: number): (string | undefined)[] {
  const word = args[index];
  if (word === undefined) return [];
  if (word.startsWith("ext::")) return [word.slice(5).replaceAll("% ", " ")];
  const next = (): (string | undefined)[] => (index + 1 < args.length ? [args[index + 1]] : []);
  if (startsCommands.test(word)) return next();
  const [, long, value] = /^--?([\w-]+)(?:=(.*))?$/s.exec(word) ?? [];
  const isKnown = known?.names.some((name) =>
    word.startsWith("--") ? name.startsWith(long ?? " ") : name === long,
  );
  if (isKnown || telling.test(long?.slice(0, longestOption) ?? ""))
    return value === undefined ? next() : [value];
  if (known === undefined || word.startsWith("--")) return [];
  // A file of further options.
  if (word.startsWith("@")) return [`./${word}`];
  const letters = /^-?([A-Za-z]+)/.exec(word)?.[1] ?? "";
  const at = [...letters].findIndex((letter) => known.letters.includes(letter));
  if (at < 0 || !(word.startsWith("-") || index === 0)) return [];
  const glued = word.slice(word.startsWith("-") ? at + 2 : at + 1);
  return glued === "" || index === 0 ? [...next(), ...(glued === "" ? [] : [glued])] : [glued, ...next()];
}
