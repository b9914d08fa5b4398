import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Database } from "better-sqlite3";
import { Fault } from "../../core/fault.js";
import { toStorageFault } from "./failure.js";

/** Marks a file as a database of this program, in its header: "AGNT". */
const applicationId = 0x41474e54;

/** One step of the schema. */
export interface Migration {
  /** 1, 2, 3 … */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/** The steps in a folder, in order. Files are named `0001_what_it_does.sql`; throws when a number is missing. */
export function readMigrations(dir: URL = new URL("./migrations/", import.meta.url)): Migration[] {
  const path = fileURLToPath(dir);
  const names = readdirSync(path)
    .filter((name) => /^\d{4}_\w+\.sql$/.test(name))
    .sort();
  return names.map((name, i) => {
    const version = Number(name.slice(0, 4));
    if (version !== i + 1) throw new Fault("internal", `migration ${i + 1} is missing`);
    const sql = readFileSync(join(path, name), "utf8").replaceAll("\r\n", "\n");
    return { version, name, sql, sha256: createHash("sha256").update(sql).digest("hex") };
  });
}

/**
 * Throws `invalid` when the database belongs to some other program. Reads only, so it comes before anything
 * that changes the file.
 */
export function refuseForeignDatabase(db: Database): void {
  const id = db.pragma("application_id", { simple: true });
  if (id === applicationId) return;
  const tables = db.prepare<[], number>("SELECT count(*) FROM sqlite_schema").pluck().get();
  if (id !== 0 || tables !== 0) throw new Fault("invalid", `${db.name} is a database of another program`);
}

/**
 * Brings the schema up to date, each step in a transaction of its own: a step that fails leaves nothing.
 * Throws `unsupported` when the database is newer than the program, or was made by other steps than these.
 */
export function migrate(db: Database, migrations: readonly Migration[], now: number): void {
  createLedger(db);
  const newest = db.prepare<[], number>("SELECT max(version) FROM migrations").pluck().get() ?? 0;
  if (newest > migrations.length) {
    throw new Fault(
      "unsupported",
      `${db.name} was written by a newer version of this program (schema ${newest}, known here: ${migrations.length}): update the program`,
    );
  }
  for (const migration of migrations) step(db, migration, now);
}

function createLedger(db: Database): void {
  if (db.pragma("application_id", { simple: true }) === applicationId) return;
  transaction(db, () => {
    db.pragma(`application_id = ${applicationId}`);
    db.exec(`CREATE TABLE migrations (
      version INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL
    ) STRICT`);
  });
}

function step(db: Database, { version, name, sql, sha256 }: Migration, now: number): void {
  try {
    transaction(db, () => {
      const applied = db
        .prepare<[number], string>("SELECT sha256 FROM migrations WHERE version = ?")
        .pluck()
        .get(version);
      if (applied === sha256) return;
      if (applied !== undefined) {
        throw new Fault("unsupported", `${db.name} was made by another version of migration ${name}`);
      }
      db.exec(sql);
      db.prepare("INSERT INTO migrations VALUES (?, ?, ?, ?)").run(version, name, sha256, now);
    });
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw toStorageFault(error) ?? new Fault("internal", `migration ${name} failed`, {}, error);
  }
}

function transaction(db: Database, work: () => void): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    work();
    db.exec("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
