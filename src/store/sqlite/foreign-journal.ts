import { closeSync, openSync, readSync, rmSync } from "node:fs";

/** Where a database says that it has a write-ahead log: both bytes are 2 (https://sqlite.org/fileformat2.html). */
const versions = { at: 18, log: 2 } as const;

/**
 * Removes a rollback journal beside a database that keeps a write-ahead log: it is none of SQLite's, and
 * opening the database would write its pages into it and delete a file that it names. To be called by whoever
 * holds the lock of the database and has not opened it yet.
 */
export function removeForeignJournal(database: string): void {
  if (hasLog(database)) removeJournal(database);
}

/** Removes what lies in the place of a database's rollback journal, whatever it is. */
export function removeJournal(database: string): void {
  rmSync(`${database}-journal`, { recursive: true, force: true });
}

function hasLog(database: string): boolean {
  const file = openSync(database, "r");
  try {
    const bytes = Buffer.alloc(2);
    readSync(file, bytes, 0, bytes.length, versions.at);
    return bytes.every((byte) => byte === versions.log);
  } finally {
    closeSync(file);
  }
}
