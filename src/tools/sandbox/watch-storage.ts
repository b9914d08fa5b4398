import type { StatsFs } from "node:fs";
import { statfsSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { Changes } from "./weigh-changes.js";
import { weighChanges } from "./weigh-changes.js";

/** What is left to everybody, and what one call may take. */
export interface StorageBounds {
  /** Milliseconds between two looks. */
  readonly everyMs: number;
  /** Files and directories that one call may make. */
  readonly newFiles: number;
  /** What is kept free of a file system: the smaller one of these bytes and this share of it. */
  readonly keptBytes: number;
  readonly keptShare: number;
}

/** A call that may write to a directory. */
interface StorageUser {
  readonly directory: string;
  /** Called once, with a sentence for the model, when the call is to be ended. */
  end(why: string): void;
}

/** Looks after the file systems that calls write to. */
export interface StorageWatch {
  /** Watches a call until the answered function is called. */
  add(user: StorageUser): () => void;
}

interface Watched extends StorageUser {
  readonly device: number;
  readonly since: number;
  bounds: Record<Resource, number> & { readonly suspicious: number };
}

type Resource = "bytes" | "files";
type Free = Record<Resource, number> & { readonly total: Record<Resource, number> };

/** Less than this explains nothing. */
const least = { bytes: 1024 ** 2, files: 1_000 } as const;
/** Milliseconds that it may take to find out who it was, and how many directories are gone through at once. */
const [weighMs, atOnce] = [3_000, 4];

const whyOf = {
  bytes: "the disk is nearly full",
  files: "the file system can hold few more files",
  suspicious: "it made too many files",
} as const;

/**
 * Sees to it that calls leave something of a file system to others: no limit of a process bounds what all its files
 * take together. What is free is asked for the whole file system. Only when little is left, or when many files
 * were made by anybody, are the directories of the calls gone through, and the one that has taken most is ended: who
 * did nothing does not answer for others, unless nobody can be found. Those that stay may take half of what is left.
 */
export function watchStorage(bounds: StorageBounds): StorageWatch {
  const users = new Set<Watched>();
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  const end = (user: Watched, why: string): void => {
    if (users.delete(user)) user.end(why);
  };
  const look = async (): Promise<void> => {
    // One at a time: a file system that does not answer must not take all threads of this process.
    if (looking) return;
    looking = true;
    try {
      for (const device of new Set([...users].map((user) => user.device))) {
        await lookAt(
          [...users].filter((user) => user.device === device),
          bounds,
          end,
        );
      }
    } finally {
      looking = false;
    }
  };
  return {
    add(user) {
      const free = freeNow(user.directory);
      if (free === undefined) return () => undefined;
      const { dev: device } = statSync(user.directory);
      // The kernel's clock of files is some milliseconds behind.
      const since = Date.now() - 100;
      const watched = { ...user, device, since, bounds: boundsFor(free, bounds) };
      users.add(watched);
      timer ??= setInterval(() => void look(), bounds.everyMs).unref();
      return () => {
        users.delete(watched);
        if (users.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

async function lookAt(
  users: readonly Watched[],
  bounds: StorageBounds,
  end: (user: Watched, why: string) => void,
): Promise<void> {
  const free = await freeOf(users);
  if (free === undefined) return;
  for (const resource of ["bytes", "files"] as const) {
    const over = users.filter((user) => free[resource] < user.bounds[resource]);
    if (over.length === 0) continue;
    for (const user of await mostOf(over, resource)) end(user, whyOf[resource]);
    for (const user of over) user.bounds = boundsFor(free, bounds);
    return;
  }
  const suspects = users.filter((user) => free.files < user.bounds.suspicious);
  const weights = await weighAll(suspects);
  for (const user of suspects) {
    if ((weights.get(user)?.files ?? 0) > bounds.newFiles) end(user, whyOf.suspicious);
    user.bounds = boundsFor(free, bounds);
  }
}

/** Some of their directories may be gone. */
async function freeOf(users: readonly Watched[]): Promise<Free | undefined> {
  for (const { directory } of users) {
    const stats = await statfs(directory).catch(() => undefined);
    if (stats) return toFree(stats);
  }
  return undefined;
}

/** Whoever has taken most, or all of them when none has taken anything that can be seen. */
async function mostOf(users: readonly Watched[], resource: Resource): Promise<readonly Watched[]> {
  const weights = await weighAll(users);
  const weightOf = (user: Watched): number => weights.get(user)?.[resource] ?? 0;
  const [heaviest] = users.toSorted((a, b) => weightOf(b) - weightOf(a));
  return heaviest && weightOf(heaviest) >= least[resource] ? [heaviest] : users;
}

async function weighAll(users: readonly Watched[]): Promise<ReadonlyMap<Watched, Changes>> {
  const weights = new Map<Watched, Changes>();
  const deadline = performance.now() + weighMs;
  const queue = [...users];
  const weighNext = async (): Promise<void> => {
    for (let user = queue.shift(); user; user = queue.shift()) {
      const left = deadline - performance.now();
      if (left < 1) return;
      weights.set(user, await weighChanges(user.directory, user.since, Math.ceil(left)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, weighNext));
  return weights;
}

/** Where little is free already, half of it is kept. */
function boundsFor(free: Free, { newFiles, keptBytes, keptShare }: StorageBounds): Watched["bounds"] {
  const keptFiles = free.total.files * keptShare;
  return {
    bytes: Math.min(keptBytes, free.total.bytes * keptShare, free.bytes / 2),
    files: Math.min(keptFiles, free.files / 2),
    suspicious: free.files - newFiles,
  };
}

function freeNow(directory: string): Free | undefined {
  try {
    return toFree(statfsSync(directory));
  } catch {
    // It is gone, or another user's.
    return undefined;
  }
}

/** Some file systems have no bound of files, and answer 0 for all of it: btrfs. */
function toFree({ bsize, blocks, bavail, files, ffree }: StatsFs): Free {
  return {
    bytes: bavail * bsize,
    files: files === 0 ? Number.MAX_SAFE_INTEGER : ffree,
    total: { bytes: blocks * bsize, files },
  };
}
