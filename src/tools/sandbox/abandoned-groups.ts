import { readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makerOf } from "./group-name.js";
import { readStat, sendSignal } from "./process-tree.js";
import { removeGroup } from "./remove-group.js";

/** How old a group of a server that cannot be seen is before it is taken for abandoned. */
const abandonedMs = 60_000;
/** How often the processes of a group are ended: some may start others meanwhile. */
const mostRounds = 50;

/**
 * Removes the control groups in a folder that dead servers have left. What still runs in them is ended where it is
 * certain that the server is dead: bubblewrap whose parent dies early waits for ever. Those of a living server are
 * left alone, and so are those with processes of a server in another process namespace. Never throws.
 */
export async function removeAbandonedGroups(folder: string): Promise<void> {
  await Promise.all(namesIn(folder).map((name) => removeIfAbandoned(join(folder, name), name)));
}

async function removeIfAbandoned(path: string, name: string): Promise<void> {
  const maker = makerOf(name);
  if (maker === undefined || maker.state === "alive") return;
  try {
    if (maker.state === "dead") await endProcesses(path, maker.pid);
    else if (Date.now() - statSync(path).mtimeMs < abandonedMs) return;
    rmdirSync(path);
  } catch {
    // It has processes in it, or has just had, or another server was quicker.
    if (maker.state === "dead") await removeGroup(path);
  }
}

async function endProcesses(path: string, maker: number): Promise<void> {
  for (let round = 0; round < mostRounds; round += 1) {
    const pids = processesIn(path);
    // The children of the dead have other parents now.
    if (pids.length === 0 || pids.some((pid) => readStat(pid)?.parent === maker)) return;
    if (!killAtOnce(path)) for (const pid of pids) killIn(path, pid);
    await delay(round);
  }
}

/** Only of version 2, and of Linux 5.14 and later. */
function killAtOnce(path: string): boolean {
  try {
    writeFileSync(join(path, "cgroup.kill"), "1", { flag: "r+" });
    return true;
  } catch {
    return false;
  }
}

/** Its number may have become another's since it was read, who is not in this group. */
function killIn(path: string, pid: number): void {
  if (processesIn(path).includes(pid)) sendSignal(pid, "SIGKILL");
}

/** Those of other process namespaces have no number here. */
function processesIn(path: string): number[] {
  try {
    return readFileSync(join(path, "cgroup.procs"), "utf8")
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not to be looked into, so nothing of ours is there.
    return [];
  }
}
