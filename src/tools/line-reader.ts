import type { FileHandle } from "node:fs/promises";

/** One line of a file, without its line feed. */
export interface Line {
  /** Its text, of a long line only the beginning. A carriage return at its end is kept. */
  readonly text: string;
  /** Bytes of the whole line. */
  readonly size: number;
}

const chunkBytes = 256 * 1024;
const lineFeed = 10;

/**
 * The lines of an open file from line `first` (1-based) on, read piece by piece: neither the file nor a
 * line need fit into memory. Of each line at most `keptBytes` are kept. Throws when `signal` fires. What
 * is not UTF-8 becomes U+FFFD, as does NUL.
 */
export async function* readLines(
  handle: FileHandle,
  { first, keptBytes }: { readonly first: number; readonly keptBytes: number },
  signal: AbortSignal,
): AsyncGenerator<Line> {
  const chunk = Buffer.alloc(chunkBytes);
  const line = createLine(keptBytes);
  let number = 1;
  for (let position = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunkBytes, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const data = chunk.subarray(0, bytesRead);
    for (let start = 0; start < bytesRead; ) {
      const end = data.indexOf(lineFeed, start);
      if (number >= first) line.append(data.subarray(start, end === -1 ? bytesRead : end));
      if (end === -1) break;
      if (number >= first) yield line.take();
      number += 1;
      start = end + 1;
    }
  }
  if (line.size > 0) yield line.take();
}

function createLine(keptBytes: number) {
  let kept: Buffer[] = [];
  let keptSize = 0;
  let size = 0;
  return {
    get size() {
      return size;
    },
    append(bytes: Buffer): void {
      size += bytes.length;
      if (keptSize >= keptBytes) return;
      // A copy: the chunk it is a view of is read into again.
      const part = Buffer.from(bytes.subarray(0, keptBytes - keptSize));
      kept.push(part);
      keptSize += part.length;
    },
    take(): Line {
      const text = Buffer.concat(kept).toString("utf8").replaceAll("\0", "\ufffd");
      const line = { text, size };
      kept = [];
      keptSize = 0;
      size = 0;
      return line;
    },
  };
}
