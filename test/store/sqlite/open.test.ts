import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { isAtLeast, openConnection } from "../../../src/store/sqlite/connection.js";
import { openSqliteStore } from "../../../src/store/sqlite/open.js";
import { allEvents, clock, deltas, newSession, noon, tempDir, tempStore } from "../sample.js";
import { startChild } from "./child.js";

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

it("makes every setting at the first and at the second open", () => {
  const path = join(tempDir(), "test.db");
  for (const _ of ["first", "second"]) {
    const db = openConnection(path, noon);
    const settings = Object.fromEntries(
      [
        "journal_mode",
        "synchronous",
        "foreign_keys",
        "secure_delete",
        "busy_timeout",
        "wal_autocheckpoint",
      ].map((name) => [name, db.pragma(name, { simple: true })]),
    );
    db.close();
    expect(settings).toEqual({
      journal_mode: "wal",
      synchronous: 2,
      foreign_keys: 1,
      secure_delete: 1,
      busy_timeout: 5000,
      wal_autocheckpoint: 4000,
    });
  }
});

it.each([
  ["3.51.3", true],
  ["3.51.2", false],
  ["3.9.9", false],
  ["3.52.0", true],
  ["4.0.0", true],
  ["2.99.99", false],
])("tells whether SQLite %s is new enough: %s", (version, expected) => {
  expect(isAtLeast(version, "3.51.3")).toBe(expected);
});

describe("files", () => {
  it.each(["000", "022", "077", "777"])("have exact modes under umask %s", async (umask) => {
    const dir = join(tempDir(), "new", "state");
    const child = await startChild("hold", [join(dir, "test.db")], { umask });
    for (const name of ["test.db", "test.db-wal", "test.db-shm", "test.db.lock", "test.db.pid"]) {
      expect([name, modeOf(join(dir, name))]).toEqual([name, "600"]);
    }
    expect([modeOf(dir), modeOf(join(dir, ".."))]).toEqual(["700", "700"]);
    await child.kill();
  });

  it("lose the rights of others when they exist with wider ones", async () => {
    const path = join(tempDir(), "test.db");
    await (await openSqliteStore({ path, clock })).close();
    chmodSync(path, 0o666);
    await tempStore(path);
    expect([modeOf(path), modeOf(`${path}-wal`)]).toEqual(["600", "600"]);
  });

  it("are none for a database in memory", async () => {
    const store = await tempStore(":memory:");
    const sessionId = await newSession(store);
    await store.commit([deltas(sessionId, "x")]);
    expect(await allEvents(store, sessionId)).toHaveLength(1);
  });

  it("stay as they are when they belong to another program", async () => {
    const path = join(tempDir(), "other.db");
    const other = new Database(path);
    other.exec("CREATE TABLE sessions (id TEXT)");
    other.close();
    await expect(openSqliteStore({ path, clock })).rejects.toMatchObject({
      reason: "invalid",
      message: expect.stringContaining("another program"),
    });
    const db = new Database(path, { readonly: true });
    expect(db.pragma("journal_mode", { simple: true })).toBe("delete");
    expect(db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get()).toBe(1);
    db.close();
  });

  it.each([
    ["a directory", (path: string) => mkdirSync(path), "invalid"],
    [
      "no database",
      (path: string) => writeFileSync(path, "no database, by far ".repeat(1000)),
      "unavailable",
    ],
  ])("are refused when the path is %s", async (_, make, reason) => {
    const path = join(tempDir(), "test.db");
    make(path);
    await expect(openSqliteStore({ path, clock })).rejects.toMatchObject({
      reason,
      message: expect.stringContaining(path),
    });
  });
});

describe("a second store on one database", () => {
  it("is refused in the same process, and leaves the first one its lock", async () => {
    const dir = tempDir();
    const path = join(dir, "test.db");
    await tempStore(path);
    symlinkSync(dir, join(dir, "link"));
    for (const name of [path, join(dir, "link", "test.db")]) {
      await expect(openSqliteStore({ path: name, clock })).rejects.toMatchObject({
        reason: "unavailable",
        message: expect.stringContaining(`pid ${process.pid}`),
      });
    }
    const child = await startChild("hold", [path]);
    expect(child.lines).toEqual([expect.stringContaining(`refused unavailable`)]);
    expect(child.lines[0]).toContain(`pid ${process.pid}`);
  });

  it("is refused by a hard link, until the file has one name again", async () => {
    const path = join(tempDir(), "test.db");
    const store = await openSqliteStore({ path, clock });
    linkSync(path, `${path}.other`);
    const opening = openSqliteStore({ path: `${path}.other`, clock });
    await expect(opening).rejects.toMatchObject({
      reason: "invalid",
      message: expect.stringContaining("has 2 names"),
    });
    await newSession(store);
    await store.close();
    await expect(openSqliteStore({ path, clock })).rejects.toMatchObject({ reason: "invalid" });
    rmSync(`${path}.other`);
    await tempStore(path);
  });

  it("is refused while another process holds it, by pid, and opens when that was killed", async () => {
    const path = join(tempDir(), "test.db");
    const child = await startChild("hold", [path]);
    expect(child.lines).toEqual(["opened"]);
    await expect(openSqliteStore({ path, clock })).rejects.toMatchObject({
      reason: "unavailable",
      message: expect.stringContaining(`pid ${child.pid}`),
      detail: { metadata: { pid: String(child.pid) } },
    });
    await child.kill();
    await tempStore(path);
  });

  it("leaves readers their way in", async () => {
    const path = join(tempDir(), "test.db");
    const store = await tempStore(path);
    await newSession(store);
    const reader = new Database(path, { readonly: true });
    expect(reader.prepare("SELECT count(*) FROM sessions").pluck().get()).toBe(1);
    reader.close();
  });

  it("opens after the first was closed, which leaves no log behind", async () => {
    const dir = tempDir();
    const path = join(dir, "test.db");
    const store = await openSqliteStore({ path, clock });
    await store.close();
    await store.close();
    await expect(store.sessions.get("x")).rejects.toMatchObject({ reason: "unavailable" });
    expect(readdirSync(dir).sort()).toEqual(["test.db", "test.db.lock"]);
    await tempStore(path);
  });
});
