import type { FileAnswer } from "./file-operations.js";
import { takeSnapshot } from "./file-snapshot.js";
import { showName } from "./show-text.js";
import { staleAnswer } from "./stale-answer.js";
import { replaceWorkFile } from "./work-file.js";

/** All that a file is to hold. */
export interface WriteRequest {
  readonly path: string;
  readonly content: string;
  /** What the file must be, as a snapshot said; absent: whatever it is. */
  readonly basis?: string | undefined;
}

/** Writes a whole file. Throws a `ToolFailure` for what the model can be told. */
export async function writeFile(
  workDir: string,
  { path: name, content, basis }: WriteRequest,
): Promise<FileAnswer> {
  const snapshot = basis === undefined ? undefined : await takeSnapshot(workDir, name);
  if (snapshot && snapshot.basis !== basis) return staleAnswer(name);
  const expected = snapshot && (snapshot.stats ?? "none");
  const { path, isNew } = await replaceWorkFile(workDir, name, { content, expected });
  const size = Buffer.byteLength(content);
  return { text: `${isNew ? "created" : "overwrote"} ${showName(path.relative)} (${size} bytes)` };
}
