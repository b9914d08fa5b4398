import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from "node:fs";

/** What the log grows to before SQLite copies it into the database and begins again at its start. */
const bytes = 4 * 1024 * 1024 + 64 * 1024;

/**
 * Gives a database its write-ahead log at full length, filled with zeros, where there is none. A commit that
 * overwrites blocks of a file is durable in half the time of one that lengthens it, as the length need not be
 * written too. SQLite takes a log without a valid header for an empty one (https://sqlite.org/fileformat2.html,
 * "The WAL File Format"). Call it while no connection is open.
 */
export function prepareLogFile(databasePath: string): void {
  const path = `${databasePath}-wal`;
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  // What is there may hold commits that have not reached the database yet.
  if (size > 0) return;
  try {
    writeZeros(path);
  } catch {
    // A disk too full for it has no room to be fast; SQLite makes its own log, or says what is wrong.
    rmSync(path, { force: true });
  }
}

function writeZeros(path: string): void {
  const file = openSync(path, "w", 0o600);
  try {
    const zeros = Buffer.alloc(bytes);
    for (let at = 0; at < bytes; ) at += writeSync(file, zeros, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
