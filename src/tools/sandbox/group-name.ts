import { existsSync, readlinkSync } from "node:fs";
import { newId } from "../../core/id.js";
import { startOf } from "./process-tree.js";

const prefix = "agentry-";

/** Who made a control group. `unseen`: one of another process namespace, or whose name does not tell enough. */
export type GroupMaker =
  | { readonly state: "dead"; readonly pid: number }
  | { readonly state: "alive" | "unseen" };

/**
 * A new name of a control group. It tells who made it: a process id, which may become another's, when that process
 * started, and the process namespace in which both are meant.
 */
export function newGroupName(): string {
  return `${prefix}${ownMark()}-${newId()}`;
}

/** Who made the group of a name; undefined for a name that is none of ours. */
export function makerOf(name: string): GroupMaker | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const [, id, startedAt, namespace] = /^(\d+)-(?:([1-9]\d*)-(\d+)-)?/.exec(name.slice(prefix.length)) ?? [];
  if (id === undefined) return { state: "unseen" };
  const pid = Number(id);
  const isThere = existsSync(`/proc/${pid}`);
  if (startedAt === undefined || namespace !== processNamespace()) {
    return { state: isThere ? "alive" : "unseen" };
  }
  return isThere && startOf(pid) === Number(startedAt) ? { state: "alive" } : { state: "dead", pid };
}

let mark: string | undefined;

function ownMark(): string {
  mark ??= `${process.pid}-${startOf(process.pid)}-${processNamespace()}`;
  return mark;
}

/** The number of our process namespace: namespaces(7). */
function processNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    // Where there is none, nobody has control groups either.
    return "0";
  }
}
