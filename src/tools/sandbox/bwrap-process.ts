import type { ChildProcess, StdioOptions } from "node:child_process";
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { setPriority } from "node:os";
import { Readable } from "node:stream";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { SandboxExit, SandboxProcess } from "../../core/sandbox.js";
import { withUserMask } from "../../core/user-mask.js";
import type { ControlGroup } from "./control-group.js";
import { limits } from "./limits.js";
import { isDead, readStat, sendSignal, startOf } from "./process-tree.js";

/** Numbers that the process finds its descriptors under. */
export const descriptors = { info: 3, seccomp: 4, network: 5 } as const;

/** How to start bubblewrap. */
export interface BwrapStart {
  readonly file: string;
  readonly args: readonly string[];
  /** A file with a seccomp filter, given to it as a descriptor. */
  readonly seccompFile?: string;
  readonly group: ControlGroup;
  /** Descriptors that this process was started with and that must not be passed on. */
  readonly inherited: readonly number[];
  /** Given the other end of the descriptor for the network, at once. Absent: there is none. */
  onNetwork?(link: Socket): void;
  /** Given the process id of the first process inside, as soon as it is there. */
  onInside?(pid: number): void;
  /** Called once, when nothing that was started is left. */
  onEnd(): void;
}

// What it sets is inherited by everything that follows. The blocks of -f are of 512 bytes, those of -d of 1024.
const script = `
for door in $1; do echo 0 >"$door" || exit 126; done
ulimit -c 0 && ulimit -n ${limits.openFiles} && ulimit -t ${limits.cpuSeconds} || exit 126
ulimit -f ${limits.fileBytes / 512} && ulimit -d ${limits.memoryBytes / 1024} || exit 126
shift
exec "$@"
`;

/**
 * Starts bubblewrap by a shell that first enters the control group and sets limits. Bubblewrap tells the
 * process id of its first process inside: killing that one, the init of its process namespace, makes the
 * kernel kill all the others.
 */
export function startBwrap(start: BwrapStart, signal: AbortSignal): SandboxProcess {
  const child = spawnBwrap(start);
  const [stdin, stdout, stderr, info] = child.stdio;
  if (!(stdin && stdout instanceof Readable && stderr instanceof Readable)) throw new Error("no pipes");
  let init: Init | undefined;
  let state: "running" | "killed" | "ended" = "running";
  const inside = readProcessId(info).then((pid) => {
    init = pid === undefined ? undefined : { pid, startedAt: startOf(pid) };
    if (init && state === "running") start.onInside?.(init.pid);
    return init;
  });
  const kill = (): void => {
    if (state !== "running") return;
    state = "killed";
    // Before it has told its process id it is about to, or to end.
    void inside.then((found) => found && killInit(found));
  };
  signal.addEventListener("abort", kill, { once: true });
  const exited = awaitExit(child)
    .then(async (exit): Promise<SandboxExit> => {
      // Bubblewrap ends with the command. Who was left in the background is killed by the end of init.
      if (init) await endInit(init);
      return state === "killed" ? { code: null, signal: "SIGKILL" } : exit;
    })
    .finally(() => {
      state = "ended";
      signal.removeEventListener("abort", kill);
      start.onEnd();
    });
  // Whoever does not wait for the exit must not be ended by its failure.
  exited.catch(() => undefined);
  return { stdin, stdout, stderr, exited, kill };
}

function spawnBwrap(start: BwrapStart): ChildProcess {
  const { file, args, seccompFile, group } = start;
  const opened: number[] = [];
  const open = (path: string): number => {
    const number = openSync(path, "r");
    opened.push(number);
    return number;
  };
  try {
    const stdio: StdioOptions = ["pipe", "pipe", "pipe", "pipe"];
    // Opened anew for each: what is read from a descriptor moves on for all that share it.
    if (seccompFile !== undefined) stdio[descriptors.seccomp] = open(seccompFile);
    if (start.onNetwork) stdio[descriptors.network] = "pipe";
    for (const number of start.inherited) if (number >= stdio.length) stdio[number] = open("/dev/null");
    // The first process inside shows the environment of bubblewrap to all others: it must be empty.
    const child = withUserMask(() =>
      spawn("/bin/sh", ["-c", script, "sh", group.doors.join(" "), file, ...args], {
        cwd: "/",
        detached: true,
        env: {},
        stdio: Array.from(stdio, (entry) => entry ?? "ignore"),
      }),
    );
    if (child.pid !== undefined) setPriority(child.pid, limits.niceness);
    const pipes: readonly unknown[] = child.stdio;
    const link = pipes[descriptors.network];
    if (link instanceof Socket) start.onNetwork?.(link);
    return child;
  } finally {
    for (const number of opened) closeSync(number);
  }
}

/** What bubblewrap writes to its `--info-fd`; undefined when it fails before. */
function readProcessId(info: unknown): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  if (!(info instanceof Readable)) return Promise.resolve(undefined);
  let text = "";
  // Read to its end: bubblewrap writes it in pieces, and would die of a pipe that is closed in between.
  info.on("data", (chunk) => {
    text += String(chunk);
    const [, pid] = /"child-pid": (\d+)/.exec(text) ?? [];
    if (pid !== undefined) resolve(Number(pid));
  });
  info.on("error", () => resolve(undefined));
  info.on("close", () => resolve(undefined));
  return promise;
}

/** The first process inside. Its number may become another's, together with its start it cannot. */
interface Init {
  readonly pid: number;
  readonly startedAt: number;
}

function killInit({ pid, startedAt }: Init): boolean {
  const stat = readStat(pid);
  // A zombie is left only when all the others are gone: pid_namespaces(7).
  if (stat === undefined || stat.startedAt !== startedAt || isDead(stat)) return false;
  sendSignal(pid, "SIGKILL");
  return true;
}

/** How long to wait for processes that have been killed: one in an uninterruptible call may never vanish. */
const reapMs = 5_000;

async function endInit(init: Init): Promise<void> {
  // Alone it only dismantles its file systems, which takes longer than many a command.
  if (!killInit(init) || isAlone(init.pid)) return;
  const deadline = performance.now() + reapMs;
  for (let turn = 0; killInit(init) && performance.now() < deadline; turn += 1) {
    await (turn < 50 ? nextTurn() : delay(1));
  }
}

/** Whether it has no children. Whoever loses his parent becomes its child, so then there is nobody else. */
function isAlone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1") === "";
  } catch {
    // It has just ended, or this kernel does not tell.
    return false;
  }
}

function awaitExit(child: ChildProcess): Promise<SandboxExit> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}
