import type { FileAnswer } from "./file-operations.js";
import { openWorkFile } from "./work-file.js";

/** What to find: a file or directory, by a path from a model. */
export interface LocateRequest {
  readonly path: string;
}

/**
 * Answers where a path leads to below the working directory, as `place`, and `directory` or `file`. Throws a
 * `ToolFailure` when that is outside or not there.
 */
export async function locateFile(workDir: string, { path }: LocateRequest): Promise<FileAnswer> {
  const file = await openWorkFile(workDir, path);
  await file.handle.close();
  return { text: file.stats.isDirectory() ? "directory" : "file", place: file.path.relative };
}
