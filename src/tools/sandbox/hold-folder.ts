import type { BigIntStats } from "node:fs";
import { closeSync, constants, fstatSync, openSync, readlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { Fault } from "../../core/fault.js";

/** Where Linux shows our open files: below such an entry, names are looked up in the directory itself. */
const descriptors = "/proc/self/fd";
/** Only to look names up in it: open(2). Node.js does not name it. */
const O_PATH = 0o10000000;
const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * A directory that is held open. Calls that are running may put other things, and links, in place of what is in it
 * at any time: here the way to a name is walked from the directory itself, without following a link.
 */
export interface HeldFolder {
  /**
   * Gives `act` a path that means this name in exactly the directory that it is in, and answers what `act` does.
   * Undefined, and nothing done, where the way there is not of directories alone.
   */
  at<T>(path: string, act: (place: string) => T): T | undefined;
  /** What the directory itself is. */
  stats(): BigIntStats;
  close(): void;
}

/** Opens a directory by its real path. Throws an `unavailable` Fault when it has just been replaced by a link. */
export function holdFolder(folder: string): HeldFolder {
  const root = openSync(folder, flags);
  const real = readlinkSync(`${descriptors}/${root}`);
  // Some file systems take a name in any case, and tell it in one.
  if (real.toLowerCase() !== folder.toLowerCase()) {
    closeSync(root);
    throw new Fault("unavailable", `${folder} has just been replaced`);
  }
  return {
    at(path, act) {
      const opened = walk(root, namesBetween(folder, dirname(path)));
      if (opened === undefined) return undefined;
      try {
        return act(`${descriptors}/${opened.at(-1) ?? root}/${basename(path)}`);
      } finally {
        for (const number of opened) closeSync(number);
      }
    },
    stats: () => fstatSync(root, { bigint: true }),
    close: () => closeSync(root),
  };
}

/** The directories of these names, each in the one before. */
function walk(root: number, names: readonly string[]): number[] | undefined {
  const opened: number[] = [];
  try {
    for (const name of names) opened.push(openSync(`${descriptors}/${opened.at(-1) ?? root}/${name}`, flags));
    return opened;
  } catch {
    for (const number of opened) closeSync(number);
    return undefined;
  }
}

function namesBetween(folder: string, path: string): string[] {
  return path
    .slice(folder.length)
    .split("/")
    .filter((name) => name !== "");
}
