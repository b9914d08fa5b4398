import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { SandboxCommand } from "../../core/sandbox.js";

/** Whether a command names a program that can be started, by its path or in the `PATH` of its environment. */
export function isProgram({ file, env }: Pick<SandboxCommand, "file" | "env">): boolean {
  if (file.includes("/")) return isExecutable(file);
  return (env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, file)));
}

/** Whether this process may execute what is at a path. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
