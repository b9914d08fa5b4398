import type { ToolContext } from "../core/tool.js";
import { runCommand } from "./run-command.js";
import { showText, takeStart } from "./show-text.js";
import { toolEnvironment } from "./tool-environment.js";
import { ToolFailure } from "./tool-failure.js";

/** One run of ripgrep over the working directory. */
export interface Search {
  readonly context: ToolContext;
  /** The working directory, in which ripgrep runs. */
  readonly root: string;
  readonly args: readonly string[];
  /** What ends a record of the output. */
  readonly separator: "\0" | "\n";
  /** When its time is up, on the clock of `performance.now()`. */
  readonly deadline: number;
  /** Given each record without its separator; ends the search by answering false. */
  onRecord(record: string): boolean;
}

/** How a search ended. */
export interface SearchEnd {
  readonly timedOut: boolean;
  /** What ripgrep complained of, empty when of nothing. */
  readonly complaint: string;
}

/**
 * What every search has: no configuration of the user's, ignore files honoured with or without a git
 * repository, hidden files looked at. Symbolic links are not followed.
 */
const commonArgs = [
  "--no-config",
  "--hidden",
  "--no-require-git",
  "--no-ignore-global",
  "--no-follow",
  "--color=never",
  "--null",
];
/** After all other globs, for the last one wins. */
const lastArgs = ["--glob=!.git"];
const complaintLength = 2_000;

/**
 * Runs ripgrep through the sandbox: patterns from a model cost a process its time, never this one. Throws
 * a `ToolFailure` when it cannot be started, and what `signal` says when that fires.
 */
export async function runRipgrep(search: Search, signal: AbortSignal): Promise<SearchEnd> {
  const enough = new AbortController();
  const records = createSplitter(search.separator, (record) => {
    if (!enough.signal.aborted && !search.onRecord(record)) enough.abort();
  });
  let complaint = "";
  const { code, timedOut } = await runCommand(
    {
      sandbox: search.context.sandbox,
      command: {
        file: await ripgrepPath(),
        args: [...commonArgs, ...withLast(search.args)],
        workDir: search.root,
        env: toolEnvironment(),
        readOnly: true,
      },
      timeoutMs: Math.max(1, search.deadline - performance.now()),
      onText(text, stream) {
        if (stream === "stdout") records.push(text);
        else if (complaint.length < complaintLength) complaint += text;
      },
    },
    AbortSignal.any([signal, enough.signal]),
  );
  signal.throwIfAborted();
  records.end();
  const failed = code !== 0 && code !== 1 && !timedOut && !enough.signal.aborted;
  const told = showText(takeStart(complaint, complaintLength)).trim();
  return { timedOut, complaint: failed ? told || `ripgrep ended with ${code}` : "" };
}

/** A glob that matches exactly this text. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]{}!]/g, "\\$&");
}

function withLast(args: readonly string[]): string[] {
  const end = args.lastIndexOf("--");
  return [...args.slice(0, end), ...lastArgs, ...args.slice(end)];
}

/** Loaded when it is first needed: on a machine it is not made for, the module throws. */
export async function ripgrepPath(): Promise<string> {
  try {
    return (await import("@vscode/ripgrep")).rgPath;
  } catch {
    throw new ToolFailure("ripgrep is not installed for this platform");
  }
}

/** Longest record kept; a longer one is cut. Names and cut lines are far shorter. */
const longestRecord = 64 * 1024;

function createSplitter(separator: string, onRecord: (record: string) => void) {
  let rest = "";
  return {
    push(text: string): void {
      const parts = (rest + text).split(separator);
      rest = takeStart(parts.pop() ?? "", longestRecord);
      for (const part of parts) onRecord(part);
    },
    end(): void {
      if (rest !== "") onRecord(rest);
    },
  };
}
