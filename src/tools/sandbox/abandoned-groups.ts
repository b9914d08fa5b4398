import { existsSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** How the names of our control groups begin; the id of the process that made them follows. */
export const groupPrefix = "agentry-";

/** How old an empty group is before it is taken for one that a dead server has left. */
const abandonedMs = 60_000;

/**
 * Removes the control groups in a folder that dead servers have left. A group with processes in it cannot be
 * removed, and those of a living process are left alone. Never throws.
 */
export function removeAbandonedGroups(folder: string): void {
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    try {
      if (name.startsWith(groupPrefix) && isAbandoned(path, name)) rmdirSync(path);
    } catch {
      // It has processes in it, or another server was quicker.
    }
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

/** A server of another process namespace seems dead from here: it is not, while its groups are young. */
function isAbandoned(path: string, name: string): boolean {
  const [pid] = /\d+(?=-)/.exec(name.slice(groupPrefix.length)) ?? [];
  if (pid !== undefined && existsSync(`/proc/${pid}`)) return false;
  return Date.now() - statSync(path).mtimeMs > abandonedMs;
}
