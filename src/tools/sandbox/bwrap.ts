import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { arch } from "node:process";
import { Fault } from "../../core/fault.js";
import type { SandboxCommand, SandboxProcess } from "../../core/sandbox.js";
import type { ProxyNames } from "../network/proxy-process.js";
import { createProxyProcess } from "../network/proxy-process.js";
import type { ControlGroups } from "./control-group.js";
import { openControlGroups } from "./control-group.js";
import { inheritedDescriptors } from "./inherited-descriptors.js";
import { isExecutable, isProgram } from "./is-program.js";
import { limits } from "./limits.js";
import { linksOnWay } from "./links-on-way.js";
import { findNestedRepositories } from "./nested-repositories.js";
import type { ClosableSandbox } from "./none.js";
import { createReadyShells } from "./ready-shells.js";
import { seccompFilter } from "./seccomp-filter.js";
import { startCall } from "./start-call.js";
import { copyConfiguration, systemView } from "./system-view.js";
import { watchStorage } from "./watch-storage.js";
import { isBelow, realWorkFolder } from "./work-folder.js";
import { createWriters } from "./writers.js";

/** How the sandbox is set up. */
export interface BwrapOptions {
  /** Path of bubblewrap, version 0.8 or later. */
  readonly file: string;
  /** A directory of the server's own, in which the sandbox keeps some files. It is made if missing. */
  readonly stateDir: string;
  /**
   * What no process may see: files and directories of the server's state. Missing ones are left out; links that
   * lead to them are put back when a process has replaced them.
   */
  readonly hidden: readonly string[];
  /** Files and directories outside of /usr that processes may read and run. */
  readonly programs: readonly string[];
  /** Home directory of the server's user. Default: `$HOME`. */
  readonly home?: string;
  /** Where names lead that processes may reach. Default: where this system's resolver says. */
  readonly names?: ProxyNames;
}

/** A sandbox of bubblewrap, and what of it this system can enforce. */
export interface BwrapSandbox extends ClosableSandbox {
  readonly groups: Pick<ControlGroups, "limitsProcesses" | "limitsMemory" | "sharesProcessor">;
  readonly filtersCalls: boolean;
}

/**
 * Confines processes with bubblewrap: they see /usr, a little of /etc and their working directory, have no
 * network, no capabilities and no view of other processes, and end with the call or with the server. In the
 * working directory, what makes the user's programs run something is protected. Control groups hold memory
 * and the number of processes where this process may make them. A command with allowed hosts has no network
 * either: a stream leads from it to a proxy, a process of its own, that connects to these alone.
 */
export function createBwrapSandbox(options: BwrapOptions): BwrapSandbox {
  const room = openRoom(options);
  const processes = new Map<SandboxProcess, Promise<unknown>>();
  let closed = false;
  return {
    name: "bwrap",
    confines: true,
    groups: room.groups,
    filtersCalls: room.seccompFile !== undefined,
    spawn(command, signal) {
      if (closed) throw new Error("the sandbox is closed");
      signal.throwIfAborted();
      const workDir = realWorkFolder(command.workDir, room);
      checkProgram(command);
      if (!isExecutable(room.file))
        throw new Fault("unavailable", `the sandbox is gone: ${room.file} cannot be run any more`);
      const { process, ended } = startCall(room, { command, workDir }, signal);
      processes.set(
        process,
        ended.finally(() => processes.delete(process)),
      );
      return process;
    },
    async close() {
      closed = true;
      for (const started of processes.keys()) started.kill();
      await Promise.all(processes.values());
      room.proxy.close();
      await room.shells.close();
      await room.groups.close();
    },
  };
}

function openRoom(options: BwrapOptions) {
  const { stateDir } = options;
  const nothing = join(stateDir, "empty-file");
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  writeFileSync(nothing, "", { mode: 0o600 });
  const etc = join(stateDir, "etc");
  copyConfiguration(etc);
  const filter = seccompFilter(arch);
  const seccompFile = filter && join(stateDir, "seccomp.bpf");
  if (filter && seccompFile) writeFileSync(seccompFile, filter, { mode: 0o600 });
  const groups = openControlGroups();
  return {
    file: options.file,
    stateDir: realPath(stateDir) ?? stateDir,
    nothing,
    etc,
    seccompFile,
    system: systemView(),
    groups,
    shells: createReadyShells({ groups, seccompFile, inherited: inheritedDescriptors() }),
    storage: watchStorage({ ...limits, everyMs: limits.watchMs }),
    writers: createWriters(),
    repositories: findNestedRepositories(),
    hidden: [...options.hidden, stateDir].flatMap((path) => [...linksOnWay(path), realPath(path) ?? path]),
    node: realPath(process.execPath),
    programs: options.programs
      .map(realPath)
      .filter((path) => path !== undefined && !isBelow("/usr", path)) as string[],
    home: realPath(options.home ?? process.env.HOME ?? ""),
    proxy: createProxyProcess(options.names),
  };
}

/** Throws what spawning would: the program that starts it inside would just say so and exit. */
function checkProgram(command: SandboxCommand): void {
  if (isProgram(command)) return;
  throw Object.assign(new Error(`spawn ${command.file} ENOENT`), { code: "ENOENT" });
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
