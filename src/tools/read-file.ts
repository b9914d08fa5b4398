import { fileFailure } from "./file-failure.js";
import type { FileAnswer } from "./file-operations.js";
import { imageType } from "./image-type.js";
import { readLines } from "./line-reader.js";
import { takeStart } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";
import type { WorkFile } from "./work-file.js";
import { openWorkFile } from "./work-file.js";

const lineCharacters = 2_000;
const outputBytes = 256 * 1024;
const imageBytes = 5 * 1024 * 1024;
/** Bytes looked at to tell what a file is. */
const headBytes = 8 * 1024;

/** What to read: a file, and of a text some lines. */
export interface ReadRequest {
  readonly path: string;
  /** From 1. */
  readonly first: number;
  readonly limit: number;
}

/** Reads a text with line numbers, or an image. Throws a `ToolFailure` for what the model can be told. */
export async function readFile(
  workDir: string,
  { path, first, limit }: ReadRequest,
  signal: AbortSignal,
): Promise<FileAnswer> {
  const file = await openWorkFile(workDir, path);
  try {
    if (file.stats.isDirectory()) throw new ToolFailure(`${path} is a directory; list it with glob`);
    const head = await readStart(file, headBytes);
    const mediaType = imageType(head);
    if (mediaType !== undefined) return await readImage(file, mediaType);
    if (head.includes(0)) throw new ToolFailure(`${path} is a binary file of ${file.stats.size} bytes`);
    if (head.length === 0) return { text: "(the file is empty)" };
    return await readText(file, { first, limit }, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw fileFailure(error, path);
  } finally {
    await file.handle.close();
  }
}

async function readImage(file: WorkFile, mediaType: string): Promise<FileAnswer> {
  const data = await readStart(file, imageBytes + 1);
  if (data.length > imageBytes) {
    throw new ToolFailure(
      `${file.path.relative} is an image of ${file.stats.size} bytes; at most 5 MiB can be shown`,
    );
  }
  const image = { mediaType, data: Buffer.from(data).toString("base64"), name: file.path.relative };
  return { text: `${mediaType}, ${data.length} bytes`, image };
}

/** The first bytes of a file, fewer when it is shorter. */
async function readStart({ handle }: WorkFile, length: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  let size = 0;
  while (size < length) {
    const { bytesRead } = await handle.read(buffer, size, length - size, size);
    if (bytesRead === 0) break;
    size += bytesRead;
  }
  return new Uint8Array(buffer.subarray(0, size));
}

async function readText(
  { handle }: WorkFile,
  { first, limit }: { readonly first: number; readonly limit: number },
  signal: AbortSignal,
): Promise<FileAnswer> {
  const shown: string[] = [];
  let size = 0;
  let more = false;
  // Four bytes a character are enough to fill the line with any text.
  for await (const line of readLines(handle, { first, keptBytes: 4 * lineCharacters + 4 }, signal)) {
    const numbered = `${String(first + shown.length).padStart(6)}\t${cutLine(line.text, line.size)}`;
    size += Buffer.byteLength(numbered) + 1;
    more = shown.length >= limit || size > outputBytes;
    if (more) break;
    shown.push(numbered);
  }
  if (shown.length === 0) throw new ToolFailure(`the file has no line ${first}`);
  if (!more) return { text: shown.join("\n") };
  const next = first + shown.length;
  shown.push(`[the file goes on; read on with offset ${next}]`);
  return { text: shown.join("\n"), truncated: true };
}

function cutLine(text: string, size: number): string {
  if (text.length <= lineCharacters) return text;
  return `${takeStart(text, lineCharacters)} [line cut: it has ${size} bytes]`;
}
