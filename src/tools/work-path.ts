import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { fileFailure } from "./file-failure.js";
import { protectedNames } from "./sandbox/protected-paths.js";
import { showName } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";

/** A place in a session's working directory, all symbolic links resolved. */
export interface WorkPath {
  /** The working directory itself, absolute and without symbolic links. */
  readonly root: string;
  /** Absolute. */
  readonly real: string;
  /** Below `root`, with `/`; empty for the root itself. */
  readonly relative: string;
}

/** Longest path and longest name in bytes: PATH_MAX and NAME_MAX of Linux. */
const longestPath = 4096;
const longestName = 255;

/**
 * The working directory without symbolic links. Throws a `ToolFailure` when the session has none or it
 * is not there.
 */
export async function realWorkDir(workDir: string): Promise<string> {
  if (workDir === "") throw new ToolFailure("this session has no work_dir; set one with UpdateSession");
  try {
    const root = await realpath(workDir);
    if ((await stat(root)).isDirectory()) return root;
  } catch {
    // Answered as for a directory that is none.
  }
  throw new ToolFailure("the session's work_dir does not exist or is not a directory");
}

/**
 * The place that a path from a model means, relative to the working directory or absolute; it need not
 * exist. Throws a `ToolFailure` when it is outside once every symbolic link is resolved, or is written
 * in a way that some program reads as another path. This is a decision about names: `openWorkFile` and
 * `replaceWorkFile` see to it that what is opened is what was decided on.
 */
export async function resolveWorkPath(workDir: string, path: string): Promise<WorkPath> {
  const root = await realWorkDir(workDir);
  checkSpelling(path);
  const real = await resolveLinks(resolve(root, path), path);
  if (!isWithin(root, real)) throw outside(path);
  return { root, real, relative: relativeTo(root, real) };
}

/**
 * Refuses a place that must not be written to, by the names that the sandbox protects: what makes programs of
 * the user run something. Whatever belongs to a `.git` is refused at any depth. Throws a `ToolFailure`.
 */
export function refuseProtected(path: WorkPath): void {
  // Lower case: on some file systems .GIT is the same directory.
  const names = path.relative.toLowerCase().split("/");
  const isProtected = names.includes(".git") || protectedNames.includes(names[0] ?? "");
  if (isProtected) throw new ToolFailure(`${showName(path.relative)} is protected: it may not be written`);
}

/** Whether `path` is `root` or below it, both absolute and without symbolic links. */
export function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** What a path that leaves the working directory is answered with, whether or not it exists. */
export function outside(path: string): ToolFailure {
  return new ToolFailure(`${showName(path)} is outside of the work_dir`);
}

function relativeTo(root: string, path: string): string {
  return path
    .slice(root.length)
    .split(sep)
    .filter((name) => name !== "")
    .join("/");
}

function checkSpelling(path: string): void {
  if (path === "") throw new ToolFailure("path is empty");
  if (path.includes("\0")) throw new ToolFailure("path must not hold the character NUL");
  if (Buffer.byteLength(path) > longestPath)
    throw new ToolFailure(`path is longer than ${longestPath} bytes`);
  if (path.startsWith("~"))
    throw new ToolFailure("path must not begin with ~; it is relative to the work_dir");
  if (/^file:/i.test(path)) throw new ToolFailure("path must not be a URL");
  for (const name of path.split(/[/\\]/)) {
    if (Buffer.byteLength(name) > longestName)
      throw new ToolFailure(`a name in path is longer than ${longestName} bytes`);
    // Some systems drop trailing dots and blanks, so that two names are one file.
    if (name !== "." && name !== ".." && /[.\s]$/.test(name)) {
      throw new ToolFailure("a name in path must not end in a dot or blank");
    }
  }
}

/** The real path of the deepest ancestor that exists, and below it the names that do not. */
async function resolveLinks(absolute: string, path: string): Promise<string> {
  const missing: string[] = [];
  for (let at = absolute; ; at = dirname(at)) {
    try {
      return join(await realpath(at), ...missing);
    } catch (error) {
      if (!isMissing(error)) throw fileFailure(error, path);
    }
    // A link to nothing becomes a link to whatever is put there later.
    if (await isLink(at)) throw outside(path);
    missing.unshift(basename(at));
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}
