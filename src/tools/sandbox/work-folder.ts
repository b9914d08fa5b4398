import { realpathSync, statSync } from "node:fs";
import { Fault } from "../../core/fault.js";
import { isSystemFolder } from "./system-view.js";

/** Whether `path` is below `folder`, both absolute and without symbolic links. */
export function isBelow(folder: string, path: string): boolean {
  return folder === "/" ? path !== "/" && path.startsWith("/") : path.startsWith(`${folder}/`);
}

/** Places that are no working directory. */
export interface StatePlaces {
  /** Files and directories of the server's state. What is below may be worked in: nothing around it is seen. */
  readonly hidden: readonly string[];
  /** The sandbox's own files. */
  readonly stateDir: string;
}

/**
 * The real path of a working directory. Throws an error with the code `ENOENT` when it is not there, and a
 * `forbidden` Fault when it is part of the system or of the server's state.
 */
export function realWorkFolder(path: string, { hidden, stateDir }: StatePlaces): string {
  const real = realpathSync(path);
  if (!statSync(real).isDirectory()) {
    throw Object.assign(new Error(`${path} is not a directory`), { code: "ENOTDIR" });
  }
  if (isSystemFolder(real))
    throw new Fault("forbidden", `tools cannot work in ${real}: it is part of the system`);
  if (hidden.includes(real) || real === stateDir || isBelow(stateDir, real)) {
    throw new Fault("forbidden", "tools cannot work in the directory where the server keeps its state");
  }
  return real;
}
