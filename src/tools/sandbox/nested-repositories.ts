import type { Dir } from "node:fs";
import { opendirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Knows the git repositories below working directories. */
export interface NestedRepositories {
  /**
   * The paths named `.git`, directories and others, below a working directory but not at its top: as of a
   * second ago at most, and where looking takes long as of the last look.
   */
  find(workDir: string): readonly string[];
  /** Looks again, soon and without holding anybody up, unless it did so a short while ago. */
  refresh(workDir: string): void;
}

/** What is looked at: the nearest first. */
const most = { depth: 6, directories: 2_000, entries: 2_000, repositories: 32 };
/** Directories that a look takes in one go: together some tenths of a millisecond. */
const atOnce = 16;
/** The time between two looks: at least this, and so many times what one takes. */
const rest = { ms: 1_000, times: 20 };
/** What a call may wait for another look. */
const shortMs = 0.5;
/** Working directories remembered. */
const mostKnown = 500;

interface Known {
  readonly paths: readonly string[];
  /** What the look took, in milliseconds. */
  readonly took: number;
  /** When to look again at the earliest, on the clock of `performance.now()`. */
  readonly nextAt: number;
}

/** Starts out knowing nothing: the first call in a directory waits for the look. */
export function findNestedRepositories(): NestedRepositories {
  const known = new Map<string, Known>();
  const looking = new Set<string>();
  const remember = (workDir: string, paths: readonly string[], took: number): readonly string[] => {
    if (known.size >= mostKnown) known.delete([...known.keys()][0] ?? "");
    known.set(workDir, {
      paths,
      took,
      nextAt: performance.now() + Math.max(rest.ms, rest.times * took),
    });
    return paths;
  };
  const isDue = (seen: Known): boolean => performance.now() >= seen.nextAt;
  const refresh = (workDir: string): void => {
    const seen = known.get(workDir);
    if (seen === undefined || !isDue(seen) || looking.has(workDir)) return;
    looking.add(workDir);
    void lookSlowly(workDir).then(({ paths, took }) => {
      looking.delete(workDir);
      remember(workDir, paths, took);
    });
  };
  return {
    find(workDir) {
      const seen = known.get(workDir);
      if (seen === undefined || (isDue(seen) && seen.took < shortMs)) {
        const { paths, took } = look(workDir);
        return remember(workDir, paths, took);
      }
      refresh(workDir);
      return seen.paths;
    },
    refresh,
  };
}

type Look = Pick<Known, "paths" | "took">;

function look(workDir: string): Look {
  const started = performance.now();
  const paths: string[] = [];
  for (const _ of walk(workDir, paths));
  return { paths, took: performance.now() - started };
}

async function lookSlowly(workDir: string): Promise<Look> {
  let took = 0;
  const paths: string[] = [];
  const steps = walk(workDir, paths);
  for (let ended = false; !ended; await nextTurn()) {
    const started = performance.now();
    for (let count = 0; count < atOnce && !ended; count += 1) ended = steps.next().done === true;
    took += performance.now() - started;
  }
  return { paths, took };
}

/** Adds what it finds to `found`, and stops after each directory. Never throws. */
function* walk(top: string, found: string[]): Generator<undefined, void> {
  let level = [top];
  let directories = 0;
  for (let depth = 0; depth <= most.depth && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      if (directories >= most.directories || found.length >= most.repositories) return;
      directories += 1;
      const { folders, hasGit } = readFolder(folder);
      if (hasGit && depth > 0) found.push(join(folder, ".git"));
      next.push(...folders);
      yield;
    }
    level = next;
  }
}

function readFolder(path: string): { readonly folders: readonly string[]; readonly hasGit: boolean } {
  const folders: string[] = [];
  let hasGit = false;
  let folder: Dir | undefined;
  try {
    folder = opendirSync(path, { bufferSize: 256 });
    for (let count = 0; count < most.entries; count += 1) {
      const entry = folder.readSync();
      if (entry === null) break;
      if (entry.name === ".git") hasGit = true;
      // Packages are no repositories, and there are very many of them.
      else if (entry.isDirectory() && entry.name !== "node_modules") folders.push(join(path, entry.name));
    }
  } catch {
    // Gone, or not to be read: then not to be written either.
  } finally {
    folder?.closeSync();
  }
  return { folders, hasGit };
}
