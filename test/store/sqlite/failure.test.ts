import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { invalid } from "../../../src/core/fault.js";
import { toFault } from "../../../src/store/sqlite/failure.js";
import { allEvents, deltas, newSession, tempDir, tempStore, textOf } from "../sample.js";

describe("what the database throws", () => {
  it.each([
    ["SQLITE_FULL", "exhausted", true],
    ["SQLITE_BUSY", "unavailable", true],
    ["SQLITE_BUSY_SNAPSHOT", "unavailable", true],
    ["SQLITE_LOCKED", "unavailable", true],
    ["SQLITE_IOERR_WRITE", "unavailable", true],
    ["SQLITE_READONLY_DBMOVED", "unavailable", true],
    ["SQLITE_CANTOPEN", "unavailable", true],
    ["SQLITE_CORRUPT_VTAB", "unavailable", false],
    ["SQLITE_NOTADB", "unavailable", false],
    ["SQLITE_CONSTRAINT_UNIQUE", "conflict", undefined],
    ["SQLITE_ERROR", "internal", undefined],
  ])("as %s is the fault %s, and worth another try: %s", (code, reason, retryable) => {
    const fault = toFault(new Database.SqliteError("near 'secret': whatever", code));
    expect(fault.reason).toBe(reason);
    expect(fault.detail.retryable).toBe(retryable);
    expect(fault.message).not.toContain("secret");
  });

  it("stays what it is when it is a fault, and is internal when nobody knows it", () => {
    const fault = invalid("why");
    expect(toFault(fault)).toBe(fault);
    expect(toFault(new Error("secret"))).toMatchObject({ reason: "internal", message: "internal error" });
    expect(toFault("secret")).toMatchObject({ reason: "internal", message: "internal error" });
  });
});

it("waits five seconds for another program that holds the database, then says so, and goes on after it", async () => {
  const path = join(tempDir(), "test.db");
  const store = await tempStore(path);
  const sessionId = await newSession(store);
  const other = new Database(path);
  other.exec("BEGIN EXCLUSIVE");
  const batch = deltas(sessionId, "late");
  await expect(store.commit([batch])).rejects.toMatchObject({
    reason: "unavailable",
    detail: { retryable: true },
  });
  expect(await allEvents(store, sessionId)).toEqual([]);
  other.close();
  expect(await store.commit([batch])).toEqual(["written"]);
  expect((await allEvents(store, sessionId)).map((each) => [each.seq, textOf(each)])).toEqual([[1, "late"]]);
});
