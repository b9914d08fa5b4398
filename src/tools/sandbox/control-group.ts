import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { newId } from "../../core/id.js";
import { limits } from "./limits.js";

/** Holds the processes of one call to their limits together. */
export interface ControlGroup {
  /** Files to which a process writes 0 to get in; what it starts afterwards is in as well. */
  readonly doors: readonly string[];
  /** Removes the group, once its processes are gone. */
  remove(): Promise<void>;
}

/** The control groups of the system, as far as this process may use them. */
export interface ControlGroups {
  readonly limitsProcesses: boolean;
  readonly limitsMemory: boolean;
  create(): ControlGroup;
}

interface Hierarchy {
  readonly folder: string;
  /** Files to write when a group is made, and what. */
  readonly settings: readonly (readonly [file: string, value: string])[];
  readonly controls: readonly ("pids" | "memory")[];
  readonly door: string;
}

const groupPrefix = "agentry-";
const root = "/sys/fs/cgroup";
const memory = String(limits.memoryBytes);
const processes = String(limits.processes);

/**
 * Finds out which control groups this process may make, by making one: of version 2 where its own group
 * lets it, else of version 1. What an earlier server left behind is removed. See cgroups(7).
 */
export function openControlGroups(): ControlGroups {
  const hierarchies = candidates().filter(isUsable);
  for (const { folder } of hierarchies) removeAbandonedGroups(folder);
  const has = (control: "pids" | "memory"): boolean =>
    hierarchies.some(({ controls }) => controls.includes(control));
  return {
    limitsProcesses: has("pids"),
    limitsMemory: has("memory"),
    create: () => createGroup(hierarchies),
  };
}

function createGroup(hierarchies: readonly Hierarchy[]): ControlGroup {
  const name = groupPrefix + newId();
  const folders = hierarchies.map((hierarchy) => makeGroup(hierarchy, name));
  return {
    doors: folders.map((folder, index) => join(folder, hierarchies[index]?.door ?? "")),
    async remove() {
      await Promise.all(folders.map(removeGroup));
    },
  };
}

function makeGroup({ folder, settings }: Hierarchy, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [file, value] of settings) writeFileSync(join(path, file), value);
  return path;
}

/** The kernel takes a moment to count the last process out. */
async function removeGroup(path: string): Promise<void> {
  for (let attempt = 0; attempt < 50 && !isRemoved(path); attempt += 1) await delay(attempt);
}

function isRemoved(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "EBUSY");
  }
}

function isUsable(hierarchy: Hierarchy): boolean {
  try {
    if (hierarchy.controls.length === 2) {
      // Version 2: refused where the group itself has processes and is not the root.
      writeFileSync(join(hierarchy.folder, "cgroup.subtree_control"), "+pids +memory");
    }
    rmdirSync(makeGroup(hierarchy, groupPrefix + newId()));
    return true;
  } catch {
    return false;
  }
}

function candidates(): Hierarchy[] {
  const lines = readText("/proc/self/cgroup").split("\n");
  const unified = lines.find((line) => line.startsWith("0::"))?.slice(3);
  if (unified !== undefined && readText(join(root, unified, "cgroup.controllers")).includes("pids")) {
    const settings = [
      ["pids.max", processes],
      ["memory.max", memory],
    ] as const;
    return [{ folder: join(root, unified), settings, controls: ["pids", "memory"], door: "cgroup.procs" }];
  }
  const files = { pids: [["pids.max", processes]], memory: [["memory.limit_in_bytes", memory]] } as const;
  return (["pids", "memory"] as const).flatMap((control) => {
    const path = lines.find((line) => line.split(":")[1] === control)?.split(":")[2];
    if (path === undefined) return [];
    // Unlike cgroup.procs, a thread that moves itself through this file waits for no other processor.
    const door = "tasks";
    return [{ folder: join(root, control, path), settings: files[control], controls: [control], door }];
  });
}

/** How old an empty group is before it is taken for one that a dead server has left. */
const abandonedMs = 60_000;

/** A group with processes in it cannot be removed, and a living server's is empty for a moment only. */
function removeAbandonedGroups(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (name.startsWith(groupPrefix) && Date.now() - statSync(path).mtimeMs > abandonedMs) isRemoved(path);
    }
  } catch {
    // Not to be looked into, so nothing of ours is there; or another server was quicker.
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
