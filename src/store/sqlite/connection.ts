import Database from "better-sqlite3";
import { Fault } from "../../core/fault.js";
import { migrate, readMigrations, refuseForeignDatabase } from "./migrate.js";

/** The first release without the WAL-reset bug, which loses committed pages (https://sqlite.org/wal.html). */
const oldestSqlite = "3.51.3";

/** How often a full log is copied into the database, and what is left of it then. */
const checkpointPages = 4000;
const journalBytes = 64 * 1024 * 1024;

/**
 * Opens a database with its schema up to date and every setting made: WAL, each commit flushed to the disk,
 * deleted content overwritten. Throws a Fault, with nothing left open, where it cannot.
 */
export function openConnection(path: string, now: number): Database.Database {
  const db = new Database(path, { timeout: 5000 });
  try {
    refuseOldSqlite(db);
    refuseForeignDatabase(db);
    configure(db);
    migrate(db, readMigrations(), now);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function configure(db: Database.Database): void {
  const mode = db.pragma("journal_mode = WAL", { simple: true });
  if (mode !== "wal" && !db.memory) {
    throw new Fault("unsupported", `${db.name} is on a file system that cannot keep a write-ahead log`);
  }
  // Not kept in the file: a WAL database would be opened with NORMAL the next time.
  db.pragma("synchronous = FULL");
  db.pragma("foreign_keys = ON");
  db.pragma("secure_delete = ON");
  db.pragma("temp_store = MEMORY");
  db.pragma("trusted_schema = OFF");
  db.pragma(`wal_autocheckpoint = ${checkpointPages}`);
  db.pragma(`journal_size_limit = ${journalBytes}`);
}

function refuseOldSqlite(db: Database.Database): void {
  const version = db.prepare<[], string>("SELECT sqlite_version()").pluck().get() ?? "0";
  if (!isAtLeast(version, oldestSqlite)) {
    throw new Fault("unsupported", `SQLite ${version} can lose data: ${oldestSqlite} or newer is needed`);
  }
}

/** Compares versions of three numbers. */
export function isAtLeast(version: string, wanted: string): boolean {
  const [have, want] = [version, wanted].map((text) => text.split(".").map(Number));
  for (let i = 0; i < 3; i += 1) {
    const difference = (have?.[i] ?? 0) - (want?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
