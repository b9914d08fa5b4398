import { accessSync, constants, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { arch } from "node:process";
import { Fault } from "../../core/fault.js";
import type { SandboxCommand, SandboxProcess } from "../../core/sandbox.js";
import { bridgeCommand } from "../network/bridge-command.js";
import type { ProxyNames } from "../network/proxy-process.js";
import { createProxyProcess } from "../network/proxy-process.js";
import { bwrapArguments } from "./bwrap-arguments.js";
import { descriptors, startBwrap } from "./bwrap-process.js";
import type { ControlGroup, ControlGroups } from "./control-group.js";
import { openControlGroups } from "./control-group.js";
import { inheritedDescriptors } from "./inherited-descriptors.js";
import { limits } from "./limits.js";
import { findNestedRepositories } from "./nested-repositories.js";
import type { ClosableSandbox } from "./none.js";
import { holdPlaces } from "./place-holders.js";
import { planCovers } from "./plan-covers.js";
import { seccompFilter } from "./seccomp-filter.js";
import { copyConfiguration, systemView } from "./system-view.js";
import { isBelow, realWorkFolder } from "./work-folder.js";

/** How the sandbox is set up. */
export interface BwrapOptions {
  /** Path of bubblewrap, version 0.8 or later. */
  readonly file: string;
  /** A directory of the server's own, in which the sandbox keeps some files. It is made if missing. */
  readonly stateDir: string;
  /** What no process may see: files and directories of the server's state. Missing ones are left out. */
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
      const group = room.groups.create();
      const { process, ended } = startCommand(room, { command, group, workDir }, signal);
      const settled = ended.then(() => group.remove()).finally(() => processes.delete(process));
      processes.set(process, settled);
      return process;
    },
    async close() {
      closed = true;
      for (const started of processes.keys()) started.kill();
      await Promise.all(processes.values());
      room.proxy.close();
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
  return {
    file: options.file,
    stateDir: realPath(stateDir) ?? stateDir,
    nothing,
    etc,
    seccompFile,
    system: systemView(),
    inherited: inheritedDescriptors(),
    groups: openControlGroups(),
    repositories: findNestedRepositories(),
    hidden: [...options.hidden, stateDir].map((path) => realPath(path) ?? path),
    programs: options.programs
      .map(realPath)
      .filter((path) => path !== undefined && !isBelow("/usr", path)) as string[],
    home: realPath(options.home ?? process.env.HOME ?? ""),
    proxy: createProxyProcess(options.names),
  };
}

const node = realPath(process.execPath);

type Room = ReturnType<typeof openRoom>;

interface Call {
  readonly command: SandboxCommand;
  readonly group: ControlGroup;
  readonly workDir: string;
}

interface StartedCall {
  readonly process: SandboxProcess;
  /** Settles when nothing of it is left in the working directory either. */
  readonly ended: Promise<unknown>;
}

function startCommand(room: Room, call: Call, signal: AbortSignal): StartedCall {
  const { group, workDir } = call;
  const { allowedHosts: hosts = [] } = call.command;
  const command = hosts.length > 0 ? bridgeCommand(call.command, descriptors.network) : call.command;
  const writable = command.readOnly !== true;
  const { home, hidden } = room;
  const places = holdPlaces(
    planCovers({
      workDir,
      writable,
      home,
      hidden,
      ...(writable && { repositories: room.repositories.find(workDir) }),
    }),
  );
  const ownHome = home !== undefined && home !== workDir && !isBelow(workDir, home) && !isBelow(home, "/usr");
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const onEnd = (): void => {
    resolve(places.release());
    if (writable) room.repositories.refresh(workDir);
  };
  try {
    const process = startBwrap(
      {
        file: room.file,
        args: bwrapArguments({
          workDir,
          writable,
          ...(ownHome && { home }),
          system: room.system,
          programs: neededPrograms(room, command),
          covers: places.covers,
          nothing: room.nothing,
          etc: room.etc,
          env: environment(command),
          descriptors: {
            info: descriptors.info,
            ...(room.seccompFile && { seccomp: descriptors.seccomp }),
          },
          command: [...(room.groups.limitsProcesses ? [] : countProcesses), command.file, ...command.args],
        }),
        ...(room.seccompFile && { seccompFile: room.seccompFile }),
        group,
        inherited: room.inherited,
        ...(hosts.length > 0 && { onNetwork: (link) => room.proxy.serve(link, hosts) }),
        onEnd,
      },
      signal,
    );
    places.make();
    return { process, ended };
  } catch (error) {
    onEnd();
    throw error;
  }
}

/** Node.js, and all the programs for a command that names one of them: each one that is shown takes time. */
function neededPrograms({ programs }: Room, { file, args }: SandboxCommand): readonly string[] {
  const others = programs.filter((path) => path !== node);
  const isNamed = others.some((path) => file.startsWith(path) || args.some((arg) => arg.includes(path)));
  return isNamed ? programs : programs.filter((path) => path === node);
}

/**
 * Where no control group counts processes, a limit does, unless for root. It is set inside, so that it counts
 * those of this user namespace alone.
 */
const countProcesses = ["/usr/bin/prlimit", `--nproc=${limits.processes}`, "--"];

function environment({ env }: SandboxCommand): Record<string, string> {
  return env.TMPDIR === undefined ? { ...env } : { ...env, TMPDIR: "/tmp" };
}

/** Throws what spawning would: the program that starts it inside would just say so and exit. */
function checkProgram({ file, env }: SandboxCommand): void {
  const folders = isAbsolute(file) ? [""] : (env.PATH ?? "").split(delimiter);
  if (file.includes("/") ? isExecutable(file) : folders.some((folder) => isExecutable(join(folder, file))))
    return;
  throw Object.assign(new Error(`spawn ${file} ENOENT`), { code: "ENOENT" });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
