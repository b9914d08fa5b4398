import { lstat, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";

/** Where a name of a session's working directory leads: paths relative to the directory, empty for itself. */
export interface WorkPlace {
  /** By its spelling; undefined outside. */
  readonly written: string | undefined;
  /** With every link followed; undefined outside, or where that cannot be told. */
  readonly real: string | undefined;
}

/** Looks where a name leads. What does not exist yet is placed by the directory that it would be in. */
export async function findWorkPlace(workDir: string, name: string): Promise<WorkPlace> {
  if (!isAbsolute(workDir) || name.includes("\0")) return { written: undefined, real: undefined };
  const path = resolve(workDir, name);
  const [base, real] = await Promise.all([followLinks(resolve(workDir)), followLinks(path)]);
  return {
    written: below(resolve(workDir), path),
    real: base !== undefined && real !== undefined ? below(base, real) : undefined,
  };
}

function below(directory: string, path: string): string | undefined {
  const steps = relative(directory, path);
  return steps === ".." || steps.startsWith("../") || isAbsolute(steps) ? undefined : steps;
}

async function followLinks(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    // A link that leads nowhere yet may lead anywhere later.
    const present = await lstat(path).catch(() => undefined);
    if (present !== undefined || dirname(path) === path) return undefined;
    const parent = await followLinks(dirname(path));
    return parent === undefined ? undefined : join(parent, path.slice(dirname(path).length));
  }
}
