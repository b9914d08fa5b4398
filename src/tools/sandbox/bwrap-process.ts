import type { ChildProcess, StdioOptions } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { Readable, Writable } from "node:stream";
import type { SandboxExit, SandboxProcess } from "../../core/sandbox.js";
import type { ControlGroup } from "./control-group.js";
import { limits } from "./limits.js";
import { sendSignal } from "./process-tree.js";

/** Numbers that the process finds its descriptors under. */
export const descriptors = { info: 3, block: 4, seccomp: 5 } as const;

/** How to start bubblewrap. */
export interface BwrapStart {
  readonly file: string;
  readonly args: readonly string[];
  /** A file with a seccomp filter, given to it as a descriptor. */
  readonly seccompFile?: string;
  readonly group: ControlGroup;
  /** Called once, when nothing that was started is left. */
  onEnd(): void;
}

/**
 * Starts bubblewrap. Before it starts the command it tells the process id of its first process inside and
 * waits: so that process is in its control group before it can do anything. Killing that process, the init
 * of its process namespace, makes the kernel kill all the others, and bubblewrap ends after them.
 */
export function startBwrap(start: BwrapStart, signal: AbortSignal): SandboxProcess {
  const child = spawnBwrap(start);
  const [stdin, stdout, stderr, info, block] = child.stdio;
  if (!(stdin && stdout instanceof Readable && stderr instanceof Readable)) throw new Error("no pipes");
  const inside = readProcessId(info);
  let state: "running" | "killed" | "ended" = "running";
  const kill = (): void => {
    if (state !== "running") return;
    state = "killed";
    void inside.then((pid) => killInit(child, pid));
  };
  signal.addEventListener("abort", kill, { once: true });
  inside.then((pid) => release(start.group, pid, block)).catch(kill);
  const exited = awaitExit(child)
    .then((exit) => (state === "killed" ? { code: null, signal: "SIGKILL" } : exit))
    .finally(() => {
      state = "ended";
      signal.removeEventListener("abort", kill);
      start.onEnd();
      return start.group.remove();
    });
  // Whoever does not wait for the exit must not be ended by its failure.
  exited.catch(() => undefined);
  return { stdin, stdout, stderr, exited, kill };
}

function spawnBwrap({ file, args, seccompFile }: BwrapStart): ChildProcess {
  // Opened anew for each: what is read from a descriptor moves on for all that share it.
  const filter = seccompFile === undefined ? undefined : openSync(seccompFile, "r");
  const stdio: StdioOptions = ["pipe", "pipe", "pipe", "pipe", "pipe"];
  if (filter !== undefined) stdio.push(filter);
  try {
    // The first process inside shows the environment of bubblewrap to all others: it must be empty.
    return spawn(file, args, { cwd: "/", detached: true, env: {}, stdio });
  } finally {
    if (filter !== undefined) closeSync(filter);
  }
}

/** What bubblewrap writes to its `--info-fd`; undefined when it fails before. */
async function readProcessId(info: unknown): Promise<number | undefined> {
  if (!(info instanceof Readable)) return undefined;
  let text = "";
  try {
    for await (const chunk of info) {
      text += String(chunk);
      const [, pid] = /"child-pid": (\d+)/.exec(text) ?? [];
      if (pid !== undefined) return Number(pid);
    }
  } catch {
    // The pipe broke: it is the same as an end.
  }
  return undefined;
}

function release(group: ControlGroup, pid: number | undefined, block: unknown): void {
  if (!(block instanceof Writable)) return;
  block.on("error", () => undefined);
  if (pid === undefined) {
    block.destroy();
    return;
  }
  group.add(pid);
  setPriority(pid, limits.niceness);
  block.end("1");
}

/** The process id is bubblewrap's child for as long as bubblewrap has not ended; afterwards it may be anybody's. */
function killInit(child: ChildProcess, pid: number | undefined): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  if (pid !== undefined && parentOf(pid) === child.pid) sendSignal(pid, "SIGKILL");
  else child.kill("SIGKILL");
}

function parentOf(pid: number): number {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

function awaitExit(child: ChildProcess): Promise<SandboxExit> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}
