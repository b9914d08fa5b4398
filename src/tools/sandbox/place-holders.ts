import { lstatSync, mkdirSync, readlinkSync, rmdirSync, rmSync, symlinkSync } from "node:fs";
import type { Cover } from "./bwrap-arguments.js";
import type { CoverPlan, WatchedName } from "./plan-covers.js";
import { holderMode } from "./plan-covers.js";

/** How many calls need a directory that was made to hold the place of a cover. */
const users = new Map<string, number>();

/** Covers that have a place to lie on. */
export interface HeldPlaces {
  readonly covers: readonly Cover[];
  /** Takes away what was made to hold covers, and whatever has been put where nothing can be covered. */
  release(): void;
}

/**
 * Makes the places that a plan needs in the working directory. They are taken away again once no call needs
 * them: directories only while they are empty, and only those made here or left by a server that died. What
 * cannot be made here cannot be made inside either, and needs no cover.
 */
export function holdPlaces({ covers, missing, watched }: CoverPlan): HeldPlaces {
  const held = missing.filter(hold);
  const without = missing.filter((path) => !held.includes(path));
  return {
    covers: covers.filter(({ path }) => !without.includes(path)),
    release() {
      for (const path of held) release(path);
      for (const name of watched) restore(name);
    },
  };
}

function hold(path: string): boolean {
  if (!users.has(path) && !makeFolder(path)) return false;
  users.set(path, (users.get(path) ?? 0) + 1);
  return true;
}

function makeFolder(path: string): boolean {
  try {
    mkdirSync(path, { mode: holderMode });
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EEXIST";
  }
}

function release(path: string): void {
  const left = (users.get(path) ?? 1) - 1;
  if (left > 0) {
    users.set(path, left);
    return;
  }
  users.delete(path);
  try {
    rmdirSync(path);
  } catch {
    // Somebody outside has put something into it, or has removed it.
  }
}

function restore({ path, link }: WatchedName): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (link === undefined && stats === undefined) return;
  if (link !== undefined && stats?.isSymbolicLink() && readlinkSync(path) === link) return;
  rmSync(path, { recursive: true, force: true });
  if (link !== undefined) symlinkSync(link, path);
}
