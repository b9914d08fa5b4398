import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { migrate, readMigrations, refuseForeignDatabase } from "../../../src/store/sqlite/migrate.js";
import { noon, tempDir } from "../sample.js";

const steps = {
  "0001_first.sql": "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);",
  "0002_second.sql": "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;",
};

function folder(files: Record<string, string>): URL {
  const dir = join(tempDir(), "migrations");
  mkdirSync(dir);
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(dir, name), sql);
  return pathToFileURL(`${dir}/`);
}

function database() {
  const db = new Database(":memory:");
  onTestFinished(() => {
    db.close();
  });
  return db;
}

const schemaOf = (db: Database.Database) =>
  db.prepare("SELECT name, sql FROM sqlite_schema WHERE name <> 'migrations' ORDER BY name").all();

describe("migrations", () => {
  it("bring an older database to the same schema as a new one, and keep its rows", () => {
    const [older, newer] = [database(), database()];
    migrate(older, readMigrations(folder({ "0001_first.sql": steps["0001_first.sql"] })), noon);
    older.exec("INSERT INTO a VALUES (5)");
    const all = readMigrations(folder(steps));
    migrate(older, all, noon);
    migrate(older, all, noon);
    migrate(newer, all, noon);
    expect(older.prepare("SELECT x, y FROM a").raw().all()).toEqual([
      [1, 2],
      [5, 6],
    ]);
    expect(schemaOf(older)).toEqual(schemaOf(newer));
    expect(older.prepare("SELECT version, name FROM migrations").raw().all()).toEqual([
      [1, "0001_first.sql"],
      [2, "0002_second.sql"],
    ]);
  });

  it("refuse a database that is newer than the program, and change nothing", () => {
    const db = database();
    migrate(db, readMigrations(folder(steps)), noon);
    const before = db.serialize();
    const known = readMigrations(folder({ "0001_first.sql": steps["0001_first.sql"] }));
    expect(() => migrate(db, known, noon)).toThrowError(/newer version.*schema 2, known here: 1/);
    expect(db.serialize().equals(before)).toBe(true);
  });

  it("leave nothing of a step that fails", () => {
    const db = database();
    migrate(db, readMigrations(folder({ "0001_first.sql": steps["0001_first.sql"] })), noon);
    const before = schemaOf(db);
    const failing = {
      ...steps,
      "0002_second.sql": "CREATE TABLE b (x); INSERT INTO a VALUES (2); SELECT nothing;",
    };
    expect(() => migrate(db, readMigrations(folder(failing)), noon)).toThrowError(/0002_second.sql failed/);
    expect(db.inTransaction).toBe(false);
    expect(schemaOf(db)).toEqual(before);
    expect(db.prepare("SELECT x FROM a").pluck().all()).toEqual([1]);
    migrate(db, readMigrations(folder(steps)), noon);
    expect(db.prepare("SELECT y FROM a").pluck().all()).toEqual([2]);
  });

  it("refuse a database that was made by another text of a step", () => {
    const db = database();
    migrate(db, readMigrations(folder(steps)), noon);
    const changed = readMigrations(folder({ ...steps, "0001_first.sql": "CREATE TABLE a (x TEXT);" }));
    expect(() => migrate(db, changed, noon)).toThrowError(/another version of migration 0001_first.sql/);
  });

  it("read the same under either ending of lines", () => {
    const [unix, windows] = ["\n", "\r\n"].map(
      (end) => readMigrations(folder({ "0001_first.sql": `CREATE TABLE a${end} (x);` }))[0],
    );
    expect(windows?.sha256).toBe(unix?.sha256);
  });

  it("have no number missing", () => {
    expect(() => readMigrations(folder({ "0002_second.sql": "SELECT 1" }))).toThrowError(
      "migration 1 is missing",
    );
  });
});

it.each([
  ["a new database", "", true],
  ["one with the tables of another program", "CREATE TABLE sessions (id TEXT)", false],
  ["one that another program has marked", "PRAGMA application_id = 7", false],
])("lets in %s: %s → %s", (_, sql, accepted) => {
  const db = database();
  db.exec(sql);
  if (accepted) expect(() => refuseForeignDatabase(db)).not.toThrow();
  else expect(() => refuseForeignDatabase(db)).toThrowError("another program");
});
