import { statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";

/** What to watch. */
export interface FreeFilesRequest {
  /** How many files and directories may be made. */
  readonly most: number;
  /** Milliseconds between two looks. */
  readonly everyMs: number;
  /** Called once, when there are more. Nothing is watched afterwards. */
  onExceeded(): void;
}

/** Looks after file systems that one call has to itself while it runs. */
export interface FreeFilesWatch {
  /** Watches the file system that a path is on, as well. One that cannot be looked at is left alone. */
  add(path: string): void;
  stop(): void;
}

/**
 * Watches how many more files file systems can hold, those in memory that a call has to itself: no limit of a process
 * bounds how many it makes.
 */
export function watchFreeFiles({ most, everyMs, onExceeded }: FreeFilesRequest): FreeFilesWatch {
  const before = new Map<string, number>();
  const stop = (): void => {
    clearInterval(timer);
    before.clear();
  };
  let looking = false;
  const look = async (): Promise<void> => {
    // One at a time: a file system that does not answer must not take all threads of this process.
    if (looking) return;
    looking = true;
    for (const [path, free] of [...before]) {
      const now = await statfs(path).catch(() => undefined);
      if (now === undefined) before.delete(path);
      else if (free - now.ffree > most && before.has(path)) {
        stop();
        onExceeded();
      }
    }
    looking = false;
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return {
    add(path) {
      try {
        before.set(path, statfsSync(path).ffree);
      } catch {
        // It is gone, or another user's.
      }
    },
    stop,
  };
}
