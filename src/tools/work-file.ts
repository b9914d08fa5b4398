import { randomBytes } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { constants, existsSync, lstatSync, renameSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readlink, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileFailure } from "./file-failure.js";
import { ToolFailure } from "./tool-failure.js";
import type { WorkPath } from "./work-path.js";
import { isWithin, outside, refuseProtected, resolveWorkPath } from "./work-path.js";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

/** Where Linux shows our open files: below such an entry, names are looked up in the directory itself. */
const descriptors = "/proc/self/fd";
const hasDescriptors = process.platform === "linux" && existsSync(descriptors);

/** A regular file or directory of the working directory, open for reading. Whoever opened it closes it. */
export interface WorkFile {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
  readonly path: WorkPath;
}

/**
 * Opens a file or directory that a model named. Throws a `ToolFailure` when it is outside of the working
 * directory, missing, or neither a file nor a directory. Symbolic links are followed once, when the path
 * is decided on; the way there is then walked without following any, so one that is put in place
 * meanwhile leads nowhere.
 */
export async function openWorkFile(workDir: string, name: string): Promise<WorkFile> {
  const path = await resolveWorkPath(workDir, name);
  let handle: FileHandle | undefined;
  try {
    if (path.relative === "") {
      handle = await open(path.real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    } else {
      await using parent = await openParent(path, false);
      const place = parent.at(basename(path.real));
      refuseSpecial(lstatSync(place, { bigint: true }), name);
      // Without O_NONBLOCK a pipe put there meanwhile would hold us until somebody writes to it.
      handle = await open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    }
    const stats = await handle.stat({ bigint: true });
    refuseSpecial(stats, name);
    await refuseEscape(handle, path, name);
    return { handle, stats, path };
  } catch (error) {
    await handle?.close();
    throw fileFailure(error, name);
  }
}

/** What a replaced file is to be like. */
export interface Replacement {
  readonly content: string | Uint8Array;
  /**
   * The file as it was read, or that there was none: when that is not so any more, nothing is written. Absent:
   * whatever is there is replaced.
   */
  readonly expected?: BigIntStats | "none" | undefined;
}

/**
 * Writes a file that a model named: whole or not at all, directories made where missing, the mode of an
 * older file kept. Answers whether it is new. Throws a `ToolFailure` when the path is outside of the
 * working directory or protected, is no regular file, or has changed. A symbolic link put in place
 * meanwhile is replaced or refused, never followed.
 */
export async function replaceWorkFile(
  workDir: string,
  name: string,
  { content, expected }: Replacement,
): Promise<{ readonly path: WorkPath; readonly isNew: boolean }> {
  const path = await resolveWorkPath(workDir, name);
  refuseProtected(path);
  if (path.relative === "") throw new ToolFailure(`${name} is a directory`);
  try {
    await using parent = await openParent(path, true);
    const place = parent.at(basename(path.real));
    const older = lstatSync(place, { bigint: true, throwIfNoEntry: false });
    refuseOtherThanFile(older, name);
    const temporary = parent.at(`.${randomBytes(9).toString("hex")}.tmp`);
    try {
      await writeTemporary(temporary, content, older);
      // In one turn, so that no other call of this server comes between the look and the change.
      const now = lstatSync(place, { bigint: true, throwIfNoEntry: false });
      refuseOtherThanFile(now, name);
      if (expected !== undefined && !isUnchanged(expected, now)) {
        throw new ToolFailure(`${name} has changed since it was read; read it again`);
      }
      renameSync(temporary, place);
      return { path, isNew: now === undefined };
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    throw fileFailure(error, name);
  }
}

interface Directory extends AsyncDisposable {
  /** A path that means this name in exactly this directory, whatever its own path has come to mean. */
  at(name: string): string;
}

/** Walks from the root to the directory that holds `path`, following no symbolic link. */
async function openParent(path: WorkPath, create: boolean): Promise<Directory> {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  let handle = await open(path.root, flags);
  let here = path.root;
  const at = (name: string): string => join(hasDescriptors ? `${descriptors}/${handle.fd}` : here, name);
  try {
    for (const name of path.relative.split("/").slice(0, -1)) {
      if (create) await makeDirectory(at(name));
      const next = await open(at(name), flags);
      await handle.close();
      handle = next;
      here = join(here, name);
    }
    return { at, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (!exists) throw error;
  }
}

async function writeTemporary(
  place: string,
  content: string | Uint8Array,
  older: BigIntStats | undefined,
): Promise<void> {
  await using file = await open(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
  await file.writeFile(content);
  if (older === undefined) return;
  const mine = await file.stat({ bigint: true });
  if (mine.uid !== older.uid || mine.gid !== older.gid) {
    // Only a privileged server may give files away; a file of another owner then becomes ours.
    await file.chown(Number(older.uid), Number(older.gid)).catch(() => undefined);
  }
  await file.chmod(Number(older.mode & 0o777n));
}

function refuseSpecial(stats: BigIntStats, name: string): void {
  if (stats.isFile() || stats.isDirectory()) return;
  throw new ToolFailure(`${name} is not a regular file`);
}

function refuseOtherThanFile(stats: BigIntStats | undefined, name: string): void {
  if (stats === undefined || stats.isFile()) return;
  throw new ToolFailure(stats.isDirectory() ? `${name} is a directory` : `${name} is not a regular file`);
}

function isUnchanged(before: BigIntStats | "none", now: BigIntStats | undefined): boolean {
  if (before === "none") return now === undefined;
  return (
    now !== undefined &&
    now.ino === before.ino &&
    now.size === before.size &&
    now.mtimeNs === before.mtimeNs &&
    now.ctimeNs === before.ctimeNs
  );
}

/** The last check, on what is open: its directory may have been moved while we walked. */
async function refuseEscape(handle: FileHandle, path: WorkPath, name: string): Promise<void> {
  if (!hasDescriptors) return;
  if (!isWithin(path.root, await readlink(`${descriptors}/${handle.fd}`))) throw outside(name);
}
