import { readFileSync, rmSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { errorCode } from "../../core/error-code.js";
import { Fault } from "../../core/fault.js";
import { createPrivateFile } from "./file.js";
import { removeJournal } from "./foreign-journal.js";

/** The right to write one database. */
export interface DatabaseLock {
  release(): void;
}

/**
 * Takes the right to write a database, for as long as this process lives: an exclusive lock of the operating
 * system on `<path>.lock`, so it ends with the process however that ends. The database itself stays readable
 * by others. `<path>.pid` tells who holds it. Throws `unavailable` naming the holder when another one has it.
 *
 * The two are apart because POSIX locks fall when *any* descriptor of the file is closed: nothing but SQLite
 * may ever open the locked one.
 */
export function lockDatabase(path: string): DatabaseLock {
  const pidFile = `${path}.pid`;
  createPrivateFile(`${path}.lock`);
  removeJournal(`${path}.lock`);
  const lock = new Database(`${path}.lock`, { timeout: 0 });
  try {
    lock.pragma("locking_mode = EXCLUSIVE");
    // There is nothing in it to roll back.
    lock.pragma("journal_mode = MEMORY");
    // In this locking mode a lock that was taken is not given back at the end of its transaction.
    lock.exec("BEGIN EXCLUSIVE; COMMIT");
  } catch (error) {
    lock.close();
    throw errorCode(error).startsWith("SQLITE_BUSY") ? held(path, pidFile, error) : error;
  }
  writePid(pidFile);
  return {
    release() {
      removeQuietly(pidFile);
      lock.close();
    },
  };
}

function held(path: string, pidFile: string, cause: unknown): Fault {
  const pid = readPid(pidFile);
  const who = pid ? `the process with pid ${pid}` : "another process";
  return new Fault(
    "unavailable",
    `${path} is in use by ${who}: stop it, or choose another database`,
    { retryable: false, metadata: pid ? { pid } : {} },
    cause,
  );
}

/** Best effort: with a full disk a server still starts, and answers what it can. */
function writePid(pidFile: string): void {
  try {
    createPrivateFile(pidFile);
    writeFileSync(pidFile, `${process.pid}\n`);
  } catch {
    removeQuietly(pidFile);
  }
}

/** One that is left over names a process that is gone, which is no more than a nuisance. */
function removeQuietly(pidFile: string): void {
  try {
    rmSync(pidFile, { force: true });
  } catch {
    // The file system is read-only.
  }
}

function readPid(pidFile: string): string {
  try {
    return /^\d{1,10}(?=\n)/.exec(readFileSync(pidFile, "utf8"))?.[0] ?? "";
  } catch {
    return "";
  }
}
