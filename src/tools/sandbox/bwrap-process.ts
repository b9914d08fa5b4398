import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { SandboxExit, SandboxProcess } from "../../core/sandbox.js";
import { endOutput } from "./end-output.js";
import { isDead, readStat, sendSignal, startOf } from "./process-tree.js";
import type { LimitedProcess } from "./ready-shells.js";

/** What looks after a process of bubblewrap. */
export interface BwrapWatch {
  /** Given the process id of the first process inside, as soon as it is there. */
  onInside?(pid: number): void;
  /** Called once, when nothing that was started is left. */
  onEnd(): void;
}

/**
 * Follows a process that is about to be bubblewrap. It tells the process id of its first process inside: killing
 * that one, the init of its process namespace, makes the kernel kill all the others.
 */
export function followBwrap(
  { child, stdin }: LimitedProcess,
  watch: BwrapWatch,
  signal: AbortSignal,
): SandboxProcess {
  const [, stdout, stderr, info] = child.stdio;
  if (!(stdout instanceof Socket && stderr instanceof Socket)) throw new Error("no pipes");
  let init: Init | undefined;
  let state: "running" | "killed" | "ended" = "running";
  const inside = readProcessId(info).then((pid) => {
    init = pid === undefined ? undefined : { pid, startedAt: startOf(pid) };
    if (init && state === "running") watch.onInside?.(init.pid);
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
      for (const output of [stdout, stderr]) void endOutput(output);
      return state === "killed" ? { code: null, signal: "SIGKILL" } : exit;
    })
    .finally(() => {
      state = "ended";
      signal.removeEventListener("abort", kill);
      watch.onEnd();
    });
  // Whoever does not wait for the exit must not be ended by its failure.
  exited.catch(() => undefined);
  return { stdin, stdout, stderr, exited, kill };
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
