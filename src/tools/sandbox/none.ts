import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { newId } from "../../core/id.js";
import type { Sandbox, SandboxCommand, SandboxExit, SandboxProcess } from "../../core/sandbox.js";
import { withUserMask } from "../../core/user-mask.js";
import { isExecutable, isProgram } from "./is-program.js";
import type { Call } from "./process-tree.js";
import { killProcesses, markName, sendSignal, startOf } from "./process-tree.js";
import { startWatchdog } from "./watchdog.js";

const setpriv = "/usr/bin/setpriv";
/** How long `exited` waits for killed processes to vanish: one in an uninterruptible call may never. */
const reapMs = 5_000;

/** A sandbox that can be closed. */
export interface ClosableSandbox extends Sandbox {
  /** Ends every process that it has started, and waits until they are gone. Nothing starts afterwards. */
  close(): Promise<void>;
}

/**
 * A sandbox that confines nothing: a process can do all that the server's user can. It only sees to it
 * that what a call starts ends with the call: children in the background and those that left their group
 * are ended when the first process ends, is killed, or the server dies. On Linux they are found by
 * ancestry and by a mark in their environment; one that cleared its environment and had itself adopted
 * escapes. Elsewhere only the process group is ended.
 */
export function createNoSandbox(): ClosableSandbox {
  const prefix = `${newId()}.`;
  const processes = new Map<SandboxProcess, Promise<unknown>>();
  const pdeathsig = isExecutable(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
  let watchdog: ChildProcess | undefined;
  let closed = false;
  return {
    name: "none",
    spawn(command, signal) {
      if (closed) throw new Error("the sandbox is closed");
      signal.throwIfAborted();
      watchdog ??= startWatchdog(prefix);
      const started = startProcess(command, { mark: prefix + newId(), wrapper: pdeathsig }, signal);
      const settled = started.exited.catch(() => undefined).finally(() => processes.delete(started));
      processes.set(started, settled);
      return started;
    },
    async close() {
      closed = true;
      for (const started of processes.keys()) started.kill();
      await Promise.all(processes.values());
      watchdog?.stdin?.end();
    },
  };
}

interface StartOptions {
  readonly mark: string;
  /** A command line to put before the command; it must become the command, keeping its process id. */
  readonly wrapper: readonly string[];
}

function startProcess(command: SandboxCommand, options: StartOptions, signal: AbortSignal): SandboxProcess {
  // What is not there is left to spawn itself, which says so; the wrapper would just exit.
  const wrapper = isProgram(command) ? options.wrapper : [];
  const [file = command.file, ...args] = [...wrapper, command.file, ...command.args];
  const child = withUserMask(() =>
    spawn(file, args, {
      cwd: command.workDir,
      detached: true,
      env: { ...command.env, [markName]: options.mark },
      stdio: ["pipe", "pipe", "pipe"],
    }),
  );
  // Taken while the child cannot have been reaped: its number is its own.
  const since = child.pid === undefined ? 0 : startOf(child.pid);
  let ended = false;
  const kill = (): void => {
    if (!ended && child.pid !== undefined) killCall({ pid: child.pid, mark: options.mark }, since);
  };
  const onAbort = (): void => kill();
  signal.addEventListener("abort", onAbort, { once: true });
  const exited = awaitExit(child)
    .then(async (exit) => {
      if (child.pid !== undefined) await endCall({ pid: child.pid, mark: options.mark }, since);
      return exit;
    })
    .finally(() => {
      ended = true;
      signal.removeEventListener("abort", onAbort);
    });
  // Whoever does not wait for the exit must not be ended by its failure.
  exited.catch(() => undefined);
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exited, kill };
}

function awaitExit(child: ChildProcess): Promise<SandboxExit> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // Not "close": that waits for everyone who holds the pipes, a child in the background too.
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}

function killCall(call: Call, since: number): number {
  if (since > 0) return killProcesses(call, since);
  sendSignal(-call.pid, "SIGKILL");
  return 0;
}

async function endCall(call: Call, since: number): Promise<void> {
  const deadline = performance.now() + reapMs;
  while (killCall(call, since) > 0 && performance.now() < deadline) await delay(5);
}
