import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";

/**
 * Room for about a thousand commits: a quarter of what the log grows to before SQLite copies it into the database and
 * begins again at its start, for writing more would be felt when a server starts.
 */
const bytes = 4 * 1024 * 1024 + 128 * 1024;

/**
 * Lengthens the write-ahead log of an open database, with zeros. A commit that
 * overwrites blocks of a file is durable in about half the time of one that lengthens it, as the new length
 * need not be written too. SQLite reads a log up to the first frame without a valid checksum, so what follows
 * its last frame has no meaning (https://sqlite.org/fileformat2.html, "The WAL File Format").
 */
export function lengthenLog(databasePath: string): void {
  const file = openSync(`${databasePath}-wal`, "r+");
  const { size } = fstatSync(file);
  try {
    const zeros = Buffer.alloc(Math.max(bytes - size, 0));
    for (let at = 0; at < zeros.length; ) at += writeSync(file, zeros, at, zeros.length - at, size + at);
    fsyncSync(file);
  } catch {
    // A disk that is too full for it has no room to be fast. SQLite says so itself where it matters.
    ftruncateSync(file, size);
  } finally {
    closeSync(file);
  }
}
