import { closeSync, constants, openSync, readSync } from "node:fs";

/** At most so many bytes from the start of a file, as text. Empty for what cannot be read or is no regular file. */
export function readStart(path: string, bytes: number): string {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(bytes);
      return buffer.toString("utf8", 0, readSync(file, buffer, 0, buffer.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return "";
  }
}
