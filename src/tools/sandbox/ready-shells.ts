import type { ChildProcess, StdioOptions } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { setPriority } from "node:os";
import { withUserMask } from "../../core/user-mask.js";
import type { ControlGroup, ControlGroups } from "./control-group.js";
import { limits } from "./limits.js";
import { commandLine } from "./shell-words.js";

/** Numbers that a program finds its descriptors under, beside those of its standard streams. */
export const descriptors = { info: 3, seccomp: 4, network: 6 } as const;

/** Where a shell has the standard input of the program that it is to become. Its own is what it is told. */
const inputDescriptor = 5;

/** What all shells have in common. */
export interface ShellOptions {
  readonly groups: Pick<ControlGroups, "create">;
  /** A file with a seccomp filter, given on as a descriptor. */
  readonly seccompFile: string | undefined;
  /** Descriptors that this process was started with and that must not be passed on. */
  readonly inherited: readonly number[];
}

/** A program to become. */
interface ShellCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Whether it is given a descriptor for the network. */
  readonly hasNetwork: boolean;
}

/** A process that is about to be the program, with what it is connected by. */
export interface LimitedProcess {
  readonly child: ChildProcess;
  readonly group: ControlGroup;
  /** Standard input of the program. */
  readonly stdin: Socket;
  readonly network: Socket | undefined;
}

/** Shells that have entered a control group and set the limits of a call, and then become a program. */
export interface ReadyShells {
  /** Starts a program by one that is ready, or by a new one. Throws for arguments that no program can be given. */
  start(command: ShellCommand): LimitedProcess;
  /** Gets one ready for a call to come. */
  refill(): void;
  /** Ends those that are ready. */
  close(): Promise<void>;
}

/** Shells kept ready: as many as calls have lately run at the same time, up to this. */
const mostReady = 4;

/**
 * Node.js can set no limits, so a shell sets them; starting one takes longer than all that it does, and is done
 * before the call comes.
 */
export function createReadyShells(options: ShellOptions): ReadyShells {
  const ready: Shell[] = [];
  let closed = false;
  const take = (hasNetwork: boolean): Shell => {
    for (let shell = hasNetwork ? undefined : ready.pop(); shell !== undefined; shell = ready.pop()) {
      if (isAlive(shell.child)) return shell;
      void shell.group.remove();
    }
    return openShell(options, hasNetwork);
  };
  return {
    start({ file, args, hasNetwork }) {
      const line = commandLine(file, args);
      const shell = take(hasNetwork);
      hold(shell.child, true);
      shell.control.end(`exec ${line} 0<&${inputDescriptor} ${inputDescriptor}<&-\n`);
      return shell;
    },
    refill() {
      if (closed || ready.length >= mostReady) return;
      try {
        const shell = openShell(options, false);
        hold(shell.child, false);
        ready.push(shell);
      } catch {
        // It was not needed yet; a call that comes to need one will fail by itself, and say why.
      }
    },
    async close() {
      closed = true;
      await Promise.all(
        ready.splice(0).map(async ({ child, control, group }) => {
          hold(child, true);
          control.end();
          if (isAlive(child)) await once(child, "exit");
          await group.remove();
        }),
      );
    },
  };
}

interface Shell extends LimitedProcess {
  /** What it is told to do. */
  readonly control: Socket;
}

// What it sets is inherited by everything that follows. The blocks of -f are of 512 bytes, those of -d of 1024.
const limiting = `
ulimit -c 0 && ulimit -n ${limits.openFiles} && ulimit -t ${limits.cpuSeconds} || exit 126
ulimit -f ${limits.fileBytes / 512} && ulimit -d ${limits.memoryBytes / 1024} || exit 126
`;

function openShell({ groups, seccompFile, inherited }: ShellOptions, hasNetwork: boolean): Shell {
  const group = groups.create();
  try {
    const child = spawnShell({ seccompFile, inherited, hasNetwork });
    // Whoever follows it is told as well; without a listener it would end this process.
    child.on("error", () => undefined);
    if (child.pid !== undefined) setPriority(child.pid, limits.niceness);
    // Where the system has no more descriptors, there are none at all.
    const pipes: readonly unknown[] = Array.isArray(child.stdio) ? child.stdio : [];
    const [control, stdin, network] = [pipes[0], pipes[inputDescriptor], pipes[descriptors.network]];
    if (!(control instanceof Socket && stdin instanceof Socket)) throw new Error("no pipes");
    // Whoever reads it may be gone; the end of the process tells.
    control.on("error", () => undefined);
    const doors = group.doors.map((door) => `echo 0 >${commandLine(door, [])} || exit 126\n`);
    control.write(`${doors.join("")}${limiting}`);
    return { child, group, control, stdin, network: network instanceof Socket ? network : undefined };
  } catch (error) {
    void group.remove();
    throw error;
  }
}

function spawnShell(options: Omit<ShellOptions, "groups"> & { readonly hasNetwork: boolean }): ChildProcess {
  const { seccompFile, inherited, hasNetwork } = options;
  const opened: number[] = [];
  const open = (path: string): number => {
    const number = openSync(path, "r");
    opened.push(number);
    return number;
  };
  try {
    const stdio: StdioOptions = ["pipe", "pipe", "pipe", "pipe", "ignore", "pipe"];
    // Opened anew for each: what is read from a descriptor moves on for all that share it.
    if (seccompFile !== undefined) stdio[descriptors.seccomp] = open(seccompFile);
    if (hasNetwork) stdio[descriptors.network] = "pipe";
    for (const number of inherited) if (number >= stdio.length) stdio[number] = open("/dev/null");
    // The first process inside shows the environment of bubblewrap to all others: it must be empty.
    return withUserMask(() =>
      spawn("/bin/sh", [], {
        cwd: "/",
        detached: true,
        env: {},
        stdio: Array.from(stdio, (entry) => entry ?? "ignore"),
      }),
    );
  } finally {
    for (const number of opened) closeSync(number);
  }
}

function isAlive({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** Whether this process stays for that one. */
function hold(child: ChildProcess, stays: boolean): void {
  const how = stays ? "ref" : "unref";
  child[how]();
  for (const pipe of child.stdio) if (pipe instanceof Socket) pipe[how]();
}
