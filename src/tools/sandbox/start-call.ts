import { writeFile } from "node:fs/promises";
import type { SandboxCommand, SandboxProcess } from "../../core/sandbox.js";
import type { ProxyProcess } from "../network/proxy-process.js";
import type { SystemEntry } from "./bwrap-arguments.js";
import { bwrapArguments } from "./bwrap-arguments.js";
import { followBwrap } from "./bwrap-process.js";
import { policyOf } from "./call-policy.js";
import { checkView } from "./check-view.js";
import type { ControlGroups } from "./control-group.js";
import { holdFolder } from "./hold-folder.js";
import { limits } from "./limits.js";
import type { NestedRepositories } from "./nested-repositories.js";
import type { HeldPlaces } from "./place-holders.js";
import { holdPlaces } from "./place-holders.js";
import { planCovers } from "./plan-covers.js";
import type { LimitedProcess, ReadyShells } from "./ready-shells.js";
import { watchFreeFiles } from "./watch-free-files.js";
import type { StorageWatch } from "./watch-storage.js";
import type { Writers } from "./writers.js";

/** What all calls of a sandbox have in common. */
export interface CallRoom {
  /** Path of bubblewrap. */
  readonly file: string;
  readonly system: readonly SystemEntry[];
  readonly nothing: string;
  readonly etc: string;
  readonly seccompFile: string | undefined;
  readonly groups: ControlGroups;
  readonly shells: ReadyShells;
  readonly storage: StorageWatch;
  readonly writers: Writers;
  readonly repositories: NestedRepositories;
  readonly hidden: readonly string[];
  readonly programs: readonly string[];
  /** Real path of Node.js. */
  readonly node: string | undefined;
  readonly home: string | undefined;
  readonly proxy: ProxyProcess;
}

/** One command to start. */
export interface Call {
  readonly command: SandboxCommand;
  /** Its real path. */
  readonly workDir: string;
}

/** A command that has been started. */
export interface StartedCall {
  readonly process: SandboxProcess;
  /** Settles when nothing of it is left, in the working directory and in the kernel either. */
  readonly ended: Promise<unknown>;
}

/**
 * Starts a command in the view that is made for it. Throws when it cannot be started; the working directory is
 * then as it was.
 */
export function startCall(room: CallRoom, call: Call, signal: AbortSignal): StartedCall {
  const { command, workDir } = call;
  const { allowedHosts: hosts = [], readOnly = false } = command;
  const { places, check } = openPlaces(room, workDir, !readOnly);
  const leave = readOnly ? undefined : room.writers.enter(workDir);
  let why: string | undefined;
  const end = (reason: string): void => {
    why ??= reason;
    process?.kill();
  };
  const watch = watchCall(room, { directory: readOnly ? undefined : workDir, end });
  const { promise: ended, resolve } = Promise.withResolvers<unknown>();
  const onEnd = (): void => {
    watch.stop();
    leave?.();
    resolve(clearUp(room, places, limited));
    if (!readOnly) room.repositories.refresh(workDir);
  };
  let limited: LimitedProcess | undefined;
  let process: SandboxProcess | undefined;
  try {
    const args = bwrapArguments(policyOf(room, call, { covers: places.covers, check }));
    limited = room.shells.start({ file: room.file, args, hasNetwork: hosts.length > 0 });
    process = followBwrap(limited, { onInside: watch.lookInside, onEnd }, signal);
    if (limited.network) room.proxy.serve(limited.network, hosts);
    places.make();
    return { process: withReason(process, () => why), ended };
  } catch (error) {
    onEnd();
    throw error;
  }
}

interface Places {
  readonly places: HeldPlaces;
  /** What is to go before the command; nothing where nobody can disturb. */
  readonly check: readonly string[];
}

function openPlaces(room: CallRoom, workDir: string, writable: boolean): Places {
  const folder = holdFolder(workDir);
  let places: HeldPlaces | undefined;
  try {
    places = holdPlaces(planCovers(coverRequest(room, workDir, writable)), folder);
    const { covers } = places;
    const mustCheck = room.writers.mayReplace(workDir, covers.length > 0);
    return { places, check: mustCheck ? checkView(workDir, covers, folder) : [] };
  } catch (error) {
    if (places) void places.release();
    else folder.close();
    throw error;
  }
}

/** Milliseconds after a call until a shell is made ready for the next one. */
const refillMs = 10;

/** What nobody waits for: the next call may need it again. */
async function clearUp(
  { shells }: CallRoom,
  places: HeldPlaces,
  limited: LimitedProcess | undefined,
): Promise<void> {
  await places.release();
  await limited?.group.remove();
  // It takes a millisecond of this thread, which has what comes of the call to do.
  setTimeout(shells.refill, refillMs).unref();
}

function coverRequest({ home, hidden, repositories }: CallRoom, workDir: string, writable: boolean) {
  return { workDir, writable, home, hidden, repositories: writable ? repositories.find(workDir) : [] };
}

/** Places in memory where a process may make files, beside the home directory. */
const memoryPlaces = ["/tmp", "/dev/shm"];

/** A process whose exit says why it was ended. */
function withReason(started: SandboxProcess, reason: () => string | undefined): SandboxProcess {
  const exited = started.exited.then((exit) => {
    const why = reason();
    return why === undefined ? exit : { ...exit, why };
  });
  // Whoever does not wait for the exit must not be ended by its failure.
  exited.catch(() => undefined);
  return { ...started, exited };
}

interface WatchedCall {
  /** What it may write to, if anything. */
  readonly directory: string | undefined;
  end(why: string): void;
}

/** Looks after a call while it runs. */
function watchCall({ groups, storage, home = "/tmp" }: CallRoom, { directory, end }: WatchedCall) {
  const files = watchFreeFiles({
    most: limits.newFiles,
    everyMs: limits.watchMs,
    onExceeded: () => end("it made too many files"),
  });
  const leave = directory === undefined ? undefined : storage.add({ directory, end });
  let later: NodeJS.Timeout | undefined;
  const look = (pid: number): void => {
    for (const place of [...memoryPlaces, home]) files.add(`/proc/${pid}/root${place}`);
    // The kernel may share the processor between sessions first, whatever the niceness in each: sched(7).
    if (!groups.sharesProcessor) {
      writeFile(`/proc/${pid}/autogroup`, String(limits.niceness)).catch(() => undefined);
    }
  };
  return {
    /** By way of its first process: a little later, when its view is complete and many a call has ended. */
    lookInside(pid: number): void {
      later = setTimeout(look, limits.watchMs / 2, pid).unref();
    },
    stop(): void {
      clearTimeout(later);
      files.stop();
      leave?.();
    },
  };
}
