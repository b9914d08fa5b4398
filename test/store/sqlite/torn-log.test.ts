import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import type { Store } from "../../../src/core/store.js";
import { openSqliteStore } from "../../../src/store/sqlite/open.js";
import { allEvents, clock, deltas, newSession, tempDir, tempStore, textOf } from "../sample.js";
import { startChild } from "./child.js";

const sessions = ["one", "two"];
const log = (path: string): string => `${path}-wal`;

/** Copies a database with its log, as it is on the disk now. */
function copyOf(path: string, name: string): string {
  const folder = join(path, "..", name);
  mkdirSync(folder);
  const copy = join(folder, "test.db");
  copyFileSync(path, copy);
  if (existsSync(log(path))) copyFileSync(log(path), log(copy));
  return copy;
}

/** A database whose writer was killed, and what it had said of each session: `seq text`. */
async function openKilled(lines: number): Promise<{ path: string; said: Map<string, string[]> }> {
  const path = join(tempDir(), "test.db");
  const child = await startChild("write", [path]);
  await expect.poll(() => child.lines.length, { timeout: 20_000 }).toBeGreaterThan(lines);
  await child.kill();
  const said = new Map<string, string[]>(sessions.map((id) => [id, []]));
  for (const line of child.lines) said.get(line.slice(0, 3))?.push(line.slice(4));
  return { path, said };
}

async function stored(store: Store, id: string): Promise<string[]> {
  return (await allEvents(store, id)).map((event) => `${event.seq} ${textOf(event)}`);
}

/** Opens what is left and sees that each session holds a beginning of what was said, and takes more. */
async function expectPrefix(path: string, said: Map<string, string[]>): Promise<number> {
  const store = await openSqliteStore({ path, clock });
  let count = 0;
  try {
    for (const id of sessions) {
      if ((await store.sessions.get(id)) === undefined) continue;
      const events = await stored(store, id);
      const known = said.get(id)?.slice(0, events.length) ?? [];
      // What was durable just before the kill may not have been said, or not whole.
      expect(events.slice(0, Math.max(known.length - 1, 0))).toEqual(known.slice(0, -1));
      expect(events.map((line) => Number(line.split(" ")[0]))).toEqual(events.map((_, i) => i + 1));
      expect(await store.commit([deltas(id, "more")])).toEqual(["written"]);
      count += events.length;
    }
  } finally {
    await store.close();
  }
  const db = new Database(path, { readonly: true });
  expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
  db.close();
  return count;
}

describe("a log that lost its end", () => {
  it("at any of fifty places leaves a beginning, whole and in order", async () => {
    const { path, said } = await openKilled(120);
    const size = statSync(log(path)).size;
    const counts: number[] = [];
    for (let i = 0; i <= 50; i += 1) {
      const copy = copyOf(path, `cut-${i}`);
      truncateSync(log(copy), Math.floor((size * i) / 50));
      counts.push(await expectPrefix(copy, said));
    }
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBeGreaterThanOrEqual([...said.values()].flat().length - 1);
  }, 60_000);

  it("or has a bit that is not as it was, leaves what was before that", async () => {
    const { path, said } = await openKilled(60);
    const size = statSync(log(path)).size;
    const whole = await expectPrefix(copyOf(path, "whole"), said);
    let least = whole;
    for (let i = 0; i < 30; i += 1) {
      const copy = copyOf(path, `bit-${i}`);
      const bytes = readFileSync(log(copy));
      const at = Math.floor((size * ((i * 7919) % 30)) / 30) + i;
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (i % 8)), at);
      writeFileSync(log(copy), bytes);
      least = Math.min(least, await expectPrefix(copy, said));
    }
    expect(least).toBeLessThan(whole);
  }, 60_000);
});

it("whatever was answered is in the files of that moment, and nothing else is needed", async () => {
  const path = join(tempDir(), "test.db");
  const store = await tempStore(path);
  const id = await newSession(store);
  const answered: string[] = [];
  for (let i = 0; i < 25; i += 1) {
    await store.commit([deltas(id, `${i}-a`, `${i}-${"b".repeat(i * 400)}`)]);
    answered.push(`${i}-a`, `${i}-${"b".repeat(i * 400)}`);
    const copy = await openSqliteStore({ path: copyOf(path, `at-${i}`), clock });
    expect((await allEvents(copy, id)).map(textOf)).toEqual(answered);
    await copy.close();
  }
});
