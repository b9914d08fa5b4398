import type { FileAnswer } from "./file-operations.js";
import { showName } from "./show-text.js";
import { replaceWorkFile } from "./work-file.js";

/** All that a file is to hold. */
export interface WriteRequest {
  readonly path: string;
  readonly content: string;
}

/** Writes a whole file. Throws a `ToolFailure` for what the model can be told. */
export async function writeFile(workDir: string, request: WriteRequest): Promise<FileAnswer> {
  const { content } = request;
  const { path, isNew } = await replaceWorkFile(workDir, request.path, { content });
  const size = Buffer.byteLength(content);
  return { text: `${isNew ? "created" : "overwrote"} ${showName(path.relative)} (${size} bytes)` };
}
