import { readdirSync, readFileSync } from "node:fs";

/** The environment variable that every process of a call carries, children of children too. */
export const markName = "AGENTRY_TOOL_CALL";

/** What one call started: its first process, and the mark in the environment of all of them. */
export interface Call {
  /** The first process. It leads a process group and a session of its own. */
  readonly pid: number;
  readonly mark: string;
}

/** What /proc tells of a process. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly state: string;
  /** Clock ticks since the machine started. */
  readonly startedAt: number;
}

/**
 * Clock ticks since boot at which a process started, or 0 when that cannot be told. Nothing that a
 * process starts is older than itself.
 */
export function startOf(pid: number): number {
  return readStat(pid)?.startedAt ?? 0;
}

/**
 * The living processes of a call: its first process, the members of its group and session, all their
 * descendants, and whatever carries its mark. Only processes that started at `since` ticks or later are
 * looked at. Empty where there is no /proc.
 */
function findProcesses(call: Call, since: number): number[] {
  const young = readStats().filter((stat) => stat.startedAt >= since);
  const found = new Set<number>();
  for (const stat of young) {
    const isOurs = stat.pid === call.pid || stat.group === call.pid || stat.session === call.pid;
    if (isOurs || hasMark(stat.pid, call.mark)) found.add(stat.pid);
  }
  let size = -1;
  while (size !== found.size) {
    size = found.size;
    for (const stat of young) if (found.has(stat.parent)) found.add(stat.pid);
  }
  return young.filter((stat) => found.has(stat.pid) && !isDead(stat)).map((stat) => stat.pid);
}

/**
 * Kills all processes of a call. They are stopped first, until no new one appears: what is stopped cannot
 * fork. Answers how many were left to kill; call again until that is 0, for the dying take a moment.
 */
export function killProcesses(call: Call, since: number): number {
  const stopped = new Set<number>();
  for (let round = 0; round < 100; round += 1) {
    const fresh = findProcesses(call, since).filter((pid) => !stopped.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      stopped.add(pid);
      sendSignal(pid, "SIGSTOP");
    }
  }
  for (const pid of stopped) sendSignal(pid, "SIGKILL");
  return stopped.size;
}

/** Sends a signal to a process, or to a group by its negative id. One that is gone already is no error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has ended. EPERM: it has become another user's, beyond our reach.
  }
}

/** Whether a process has ended, and only waits to be counted out by its parent. */
export function isDead(stat: ProcessStat): boolean {
  return stat.state === "Z" || stat.state === "X";
}

function hasMark(pid: number, mark: string): boolean {
  return readProc(`/proc/${pid}/environ`)?.includes(`${markName}=${mark}`) ?? false;
}

function readStats(): ProcessStat[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined);
}

/** What /proc tells of a process, or undefined when there is none of this id. */
export function readStat(pid: number): ProcessStat | undefined {
  const line = readProc(`/proc/${pid}/stat`);
  if (line === undefined) return undefined;
  // The second field is the program's name in brackets, and may itself hold blanks and brackets: proc(5).
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startedAt: Number(fields[19]),
  };
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
