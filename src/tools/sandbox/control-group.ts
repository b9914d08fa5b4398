import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { removeAbandonedGroups } from "./abandoned-groups.js";
import { newGroupName } from "./group-name.js";
import { limits } from "./limits.js";
import { removeGroup } from "./remove-group.js";

/** Holds the processes of one call to their limits together. */
export interface ControlGroup {
  /** Files to which a process writes 0 to get in; what it starts afterwards is in as well. */
  readonly doors: readonly string[];
  /** Gives the group back, once its processes are gone. */
  remove(): Promise<void>;
}

/** The control groups of the system, as far as this process may use them. */
export interface ControlGroups {
  readonly limitsProcesses: boolean;
  readonly limitsMemory: boolean;
  /** What tools compute stands back behind what the server computes, however many processes do it. */
  readonly sharesProcessor: boolean;
  create(): ControlGroup;
  /** Removes what is there for calls to come. */
  close(): Promise<void>;
}

type Control = "pids" | "memory" | "cpu";

interface Hierarchy {
  readonly folder: string;
  /** Files to write when a group is made, and what. */
  readonly settings: readonly (readonly [file: string, value: string])[];
  readonly controls: readonly Control[];
  readonly door: string;
}

/** The groups of one call, one in each hierarchy. */
type Folders = readonly string[];

const root = "/sys/fs/cgroup";
const [memory, processes] = [String(limits.memoryBytes), String(limits.processes)];
/** Groups kept for the next calls: making one takes longer than entering it. */
const mostReady = 8;

/**
 * Finds out which control groups this process may make, by making one: of version 2 where its own group
 * lets it, else of version 1. What an earlier server left behind is ended and removed, a moment later. See cgroups(7).
 */
export function openControlGroups(): ControlGroups {
  const hierarchies = candidates().filter(isUsable);
  const shared = sharedProcessor();
  for (const { folder } of [...hierarchies, ...(shared ? [shared] : [])]) void removeAbandonedGroups(folder);
  const controls = new Set(hierarchies.flatMap((hierarchy) => hierarchy.controls));
  const ready: Folders[] = [];
  let closed = false;
  const giveBack = async (folders: Folders): Promise<void> => {
    if (closed || ready.length >= mostReady || !(await isDeserted(folders))) {
      await Promise.all(folders.map(removeGroup));
    } else ready.push(folders);
  };
  return {
    limitsProcesses: controls.has("pids"),
    limitsMemory: controls.has("memory"),
    sharesProcessor: controls.has("cpu") || shared !== undefined,
    create() {
      const folders = ready.pop() ?? makeGroups(hierarchies);
      const doors = folders.map((folder, index) => join(folder, hierarchies[index]?.door ?? ""));
      return { doors: [...doors, ...(shared ? [shared.door] : [])], remove: () => giveBack(folders) };
    },
    async close() {
      closed = true;
      await Promise.all([...ready.splice(0).flat(), ...(shared ? [shared.group] : [])].map(removeGroup));
    },
  };
}

function makeGroups(hierarchies: readonly Hierarchy[]): Folders {
  const name = newGroupName();
  return hierarchies.map((hierarchy) => makeGroup(hierarchy, name));
}

function makeGroup({ folder, settings }: Pick<Hierarchy, "folder" | "settings">, name: string): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [file, value] of settings) writeFileSync(join(path, file), value);
  return path;
}

/** Whether the last process has been counted out: for that, the kernel takes a moment. */
async function isDeserted(folders: Folders): Promise<boolean> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    if (folders.every((folder) => readText(join(folder, "cgroup.procs")) === "")) return true;
    await delay(attempt);
  }
  return false;
}

function isUsable(hierarchy: Hierarchy): boolean {
  try {
    if (hierarchy.controls.length > 1) {
      // Version 2: refused where the group itself has processes and is not the root.
      const wanted = hierarchy.controls.map((control) => `+${control}`).join(" ");
      writeFileSync(join(hierarchy.folder, "cgroup.subtree_control"), wanted);
    }
    rmdirSync(makeGroup(hierarchy, newGroupName()));
    return true;
  } catch {
    return false;
  }
}

function candidates(): Hierarchy[] {
  const unified = ownGroup("");
  const controllers = unified === undefined ? "" : readText(join(root, unified, "cgroup.controllers"));
  if (unified !== undefined && controllers.includes("pids")) {
    const hasCpu = controllers.split(/\s/).includes("cpu");
    const settings = [
      ["pids.max", processes],
      ["memory.max", memory],
      ...(hasCpu ? [["cpu.weight", String(limits.callWeight)] as const] : []),
    ] as const;
    const controls = ["pids", "memory", ...(hasCpu ? (["cpu"] as const) : [])] as const;
    return [{ folder: join(root, unified), settings, controls, door: "cgroup.procs" }];
  }
  const files = { pids: [["pids.max", processes]], memory: [["memory.limit_in_bytes", memory]] } as const;
  return (["pids", "memory"] as const).flatMap((control) => {
    const path = ownGroup(control);
    if (path === undefined) return [];
    return [{ folder: join(root, control, path), settings: files[control], controls: [control], door }];
  });
}

/** Of version 1. Unlike cgroup.procs, a thread that moves itself through this file waits for no other processor. */
const door = "tasks";

/**
 * Of version 1: one group for the processes of all calls, as only their sum is to be held back. Undefined where
 * none can be made.
 */
function sharedProcessor():
  | { readonly folder: string; readonly group: string; readonly door: string }
  | undefined {
  const path = ownGroup("cpu");
  if (path === undefined) return undefined;
  const folder = join(root, "cpu", path);
  try {
    const group = makeGroup(
      { folder, settings: [["cpu.shares", String(limits.toolShares)]] },
      newGroupName(),
    );
    return { folder, group, door: join(group, door) };
  } catch {
    return undefined;
  }
}

/** The group of this process in the hierarchy of a controller, or of version 2 for the empty name. */
function ownGroup(control: string): string | undefined {
  for (const line of readText("/proc/self/cgroup").split("\n")) {
    const [, controls = "", ...path] = line.split(":");
    if (path.length > 0 && controls.split(",").includes(control)) return path.join(":");
  }
  return undefined;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
