import { chmodSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { errorCode } from "../../core/error-code.js";
import type { Cover } from "./bwrap-arguments.js";
import type { HeldFolder } from "./hold-folder.js";
import type { CoverPlan } from "./plan-covers.js";
import { holderMode } from "./plan-covers.js";
import { rememberNames, restoreNames } from "./restore-names.js";

/** How many calls need a directory that was made to hold the place of a cover. */
const users = new Map<string, number>();

/** Covers that have a place to lie on. */
export interface HeldPlaces {
  readonly covers: readonly Cover[];
  /** Makes the places. To be called as soon as bubblewrap runs: it needs them last of all. */
  make(): void;
  /**
   * Takes away at once whatever has been put where nothing can be covered, and then what was made to hold
   * covers: nobody waits for that, and the next call may need it again. The directory is closed in the end.
   */
  release(): Promise<void>;
}

/**
 * Makes the places that a plan needs in a working directory. They are taken away again once no call needs
 * them: directories only while they are empty, and only those made here or left by a server that died. What
 * cannot be made here cannot be made inside either, and needs no cover: that is tried with one name of each
 * directory, for file systems take long to make all of them.
 */
export function holdPlaces({ covers, missing, watched }: CoverPlan, folder: HeldFolder): HeldPlaces {
  const tried = new Map<string, boolean>();
  const isHeld = (path: string): boolean => {
    const parent = dirname(path);
    if (users.has(path)) return true;
    if (!tried.has(parent)) {
      const made = folder.at(path, makeFolder);
      if (made === "there") return true;
      tried.set(parent, made === "made");
    }
    return tried.get(parent) ?? false;
  };
  const held = missing.filter(isHeld);
  const fresh = held.filter((path) => !users.has(path));
  for (const path of held) users.set(path, (users.get(path) ?? 0) + 1);
  rememberNames(watched);
  const without = new Set(missing.filter((path) => !held.includes(path)));
  return {
    covers: covers.filter(({ path }) => !without.has(path)),
    make() {
      for (const path of fresh) makeHolder(path, folder);
    },
    async release() {
      try {
        restoreNames(watched, folder);
        // After the exit has been told, and before its output ends: nobody sees them once the call has answered.
        await nextTurn();
        for (const path of held) release(path, folder);
      } finally {
        folder.close();
      }
    },
  };
}

/** Bubblewrap may have been quicker: what it makes has another mode, by which the next call would not know it. */
function makeHolder(path: string, folder: HeldFolder): void {
  if (folder.at(path, makeFolder) !== "there") return;
  folder.at(`${path}/.`, (itself) => {
    if (readdirSync(itself).length === 0) chmodSync(itself, holderMode);
  });
}

function makeFolder(path: string): "made" | "there" | "impossible" {
  try {
    mkdirSync(path, { mode: holderMode });
    return "made";
  } catch (error) {
    return errorCode(error) === "EEXIST" ? "there" : "impossible";
  }
}

function release(path: string, folder: HeldFolder): void {
  const left = (users.get(path) ?? 1) - 1;
  if (left > 0) {
    users.set(path, left);
    return;
  }
  users.delete(path);
  folder.at(path, (place) => {
    try {
      rmdirSync(place);
    } catch (error) {
      // Somebody outside has removed it, or has put something into it: then it is his.
      if (errorCode(error) === "ENOTEMPTY")
        folder.at(`${path}/.`, (itself) => chmodSync(itself, holderMode & 0o777));
    }
  });
}
