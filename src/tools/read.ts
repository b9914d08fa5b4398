import { create } from "@bufbuild/protobuf";
import { BlobSchema } from "../../gen/agentry/v1/message_pb.js";
import type { ToolOutput } from "../core/tool.js";
import { defineTool } from "./define-tool.js";
import { fileFailure } from "./file-failure.js";
import { imageType } from "./image-type.js";
import { readLines } from "./line-reader.js";
import { showName, takeStart } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";
import type { WorkFile } from "./work-file.js";
import { openWorkFile } from "./work-file.js";

const defaultLines = 2_000;
const lineCharacters = 2_000;
const outputBytes = 256 * 1024;
const imageBytes = 5 * 1024 * 1024;
/** Bytes looked at to tell what a file is. */
const headBytes = 8 * 1024;

/** Shows a text file with line numbers, or an image. */
export const readTool = defineTool({
  name: "read",
  description:
    "Read a file of the working directory. Text comes with line numbers: six columns, a tab, the line. " +
    "At most 2000 lines at a time, each cut after 2000 characters; go on with offset. PNG, JPEG, GIF and " +
    "WebP images up to 5 MiB are shown as images.",
  inputSchema: {
    type: "object",
    properties: {
      path: { type: "string", description: "The file, relative to the working directory." },
      offset: { type: "integer", minimum: 1, description: "First line to read, from 1. Default 1." },
      limit: { type: "integer", minimum: 1, description: "Number of lines to read. Default 2000." },
    },
    required: ["path"],
  },
  readOnly: true,
  summarize: (input) => `read ${showName(input.text("path"))}`,
  async run(input, context, signal) {
    const name = input.text("path");
    const file = await openWorkFile(context.workDir, name);
    try {
      if (file.stats.isDirectory()) throw new ToolFailure(`${name} is a directory; list it with glob`);
      const head = await readStart(file, headBytes);
      const mediaType = imageType(head);
      if (mediaType !== undefined) return await readImage(file, mediaType);
      if (head.includes(0)) throw new ToolFailure(`${name} is a binary file of ${file.stats.size} bytes`);
      if (head.length === 0) return { text: "(the file is empty)", failed: false };
      const first = input.number("offset", 1);
      return await readText(file, { first, limit: input.number("limit", defaultLines) }, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw fileFailure(error, name);
    } finally {
      await file.handle.close();
    }
  },
});

async function readImage(file: WorkFile, mediaType: string): Promise<ToolOutput> {
  const data = await readStart(file, imageBytes + 1);
  if (data.length > imageBytes) {
    throw new ToolFailure(
      `${file.path.relative} is an image of ${file.stats.size} bytes; at most 5 MiB can be shown`,
    );
  }
  const blob = create(BlobSchema, { mediaType, data, name: file.path.relative });
  return { text: `${mediaType}, ${data.length} bytes`, failed: false, blobs: [blob] };
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
): Promise<ToolOutput> {
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
  if (!more) return { text: shown.join("\n"), failed: false };
  const next = first + shown.length;
  shown.push(`[the file goes on; read on with offset ${next}]`);
  return { text: shown.join("\n"), failed: false, truncated: true };
}

function cutLine(text: string, size: number): string {
  if (text.length <= lineCharacters) return text;
  return `${takeStart(text, lineCharacters)} [line cut: it has ${size} bytes]`;
}
