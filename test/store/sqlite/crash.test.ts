import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { allEvents, tempDir, tempStore, textOf } from "../sample.js";
import { startChild } from "./child.js";

const kills = 20;

it(`keeps what was committed, dense and whole, over ${kills} kills at any moment`, {
  timeout: 120_000,
}, async () => {
  const path = join(tempDir(), "test.db");
  const printed: string[] = [];
  for (let i = 0; i < kills; i += 1) {
    const child = await startChild("write", [path]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    await child.kill();
    // The last line may have been cut off.
    printed.push(...child.lines.slice(0, -1));
  }
  const database = new Database(path);
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  database.close();

  const store = await tempStore(path);
  const stored = new Set<string>();
  for (const id of ["one", "two"]) {
    const events = await allEvents(store, id);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
    expect((await store.sessions.get(id))?.lastSeq).toBe(events.length);
    for (const event of events) stored.add(`${id} ${event.seq} ${textOf(event)}`);
  }
  expect(printed.length).toBeGreaterThan(kills);
  expect(printed.filter((line) => !stored.has(line))).toEqual([]);
});
