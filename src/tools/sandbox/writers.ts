import { isBelow } from "./work-folder.js";

/** The directories that running calls may write to. */
export interface Writers {
  /** Notes that a call may write to a directory, until the answered function is called. */
  enter(workDir: string): () => void;
  /**
   * Whether a running call may put something else in place of a directory while a view of it is made, or of places
   * in it when `withPlaces`.
   */
  mayReplace(workDir: string, withPlaces: boolean): boolean;
}

/** Starts out with none. */
export function createWriters(): Writers {
  const running = new Map<string, number>();
  return {
    enter(workDir) {
      running.set(workDir, (running.get(workDir) ?? 0) + 1);
      return () => {
        const left = (running.get(workDir) ?? 1) - 1;
        if (left > 0) running.set(workDir, left);
        else running.delete(workDir);
      };
    },
    mayReplace: (workDir, withPlaces) =>
      [...running.keys()].some(
        (other) => isBelow(other, workDir) || (withPlaces && (other === workDir || isBelow(workDir, other))),
      ),
  };
}
