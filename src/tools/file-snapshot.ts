import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { lstat } from "node:fs/promises";
import { fileFailure } from "./file-failure.js";
import { ToolFailure } from "./tool-failure.js";
import { openWorkFile } from "./work-file.js";
import { resolveWorkPath } from "./work-path.js";

/** Larger files are not read to be changed: 8 MiB. */
const largestFile = 8 * 1024 * 1024;

/** A file as it is at one time. */
export interface FileSnapshot {
  /** Where it is, below the working directory, all symbolic links resolved. */
  readonly place: string;
  /** Says the place and what is there: equal for the same bytes in the same place. */
  readonly basis: string;
  /** Undefined: there is no file. */
  readonly stats?: BigIntStats;
  /** Undefined: there is no file, or one larger than 8 MiB. */
  readonly bytes?: Uint8Array;
}

/** Reads a file that is to be changed. Throws a `ToolFailure` for what is no file, or cannot be read. */
export async function takeSnapshot(workDir: string, name: string): Promise<FileSnapshot> {
  const { real, relative } = await resolveWorkPath(workDir, name);
  if (await isMissing(real)) return { place: relative, basis: basisOf(relative, "none") };
  const { handle, stats, path } = await openWorkFile(workDir, name);
  try {
    if (stats.isDirectory()) throw new ToolFailure(`${name} is a directory`);
    const place = path.relative;
    if (stats.size > largestFile) {
      const { ino, size, mtimeNs, ctimeNs } = stats;
      return { place, stats, basis: basisOf(place, [ino, size, mtimeNs, ctimeNs].join(" ")) };
    }
    const bytes = await handle.readFile();
    return { place, stats, bytes, basis: basisOf(place, createHash("sha256").update(bytes).digest("hex")) };
  } catch (error) {
    throw fileFailure(error, name);
  } finally {
    await handle.close();
  }
}

const basisOf = (place: string, content: string): string => `${content} ${place}`;

async function isMissing(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}
