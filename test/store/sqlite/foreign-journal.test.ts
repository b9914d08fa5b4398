import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSqliteStore } from "../../../src/store/sqlite/open.js";
import { clock, newSession, tempDir } from "../sample.js";

/** A journal of no pages that names a file: whoever rolls it back makes the database empty and removes the file. */
function emptyingJournal(superJournal: string): Buffer {
  const header = Buffer.alloc(512);
  header.write("d9d505f920a163d7", "hex");
  header.writeUInt32BE(512, 20);
  header.writeUInt32BE(4096, 24);
  const name = Buffer.from(superJournal);
  const trailer = Buffer.alloc(12);
  const sum = name.reduce((total, byte) => total + ((byte << 24) >> 24), 0);
  trailer.writeUInt32BE(name.length, 0);
  trailer.writeInt32BE(sum, 4);
  const magic = Buffer.from("d9d505f920a163d7", "hex");
  const place = Buffer.alloc(4);
  place.writeUInt32BE(2 ** 30 / 4096 + 1);
  return Buffer.concat([header, place, name, trailer.subarray(0, 8), magic]);
}

describe("a rollback journal that others put beside a database", () => {
  const kinds: [string, (path: string, victim: string) => void][] = [
    ["a journal", (path, victim) => writeFileSync(path, emptyingJournal(victim))],
    ["a directory", (path) => mkdirSync(join(path, "deep"), { recursive: true })],
  ];
  const beside = ["-journal", ".lock-journal"];

  it.each(beside.flatMap((suffix) => kinds.map(([what, put]) => ({ suffix, what, put }))))(
    "as $what named $suffix is not rolled back, and is removed",
    async ({ suffix, put }) => {
      const dir = tempDir();
      const [path, victim] = [join(dir, "test.db"), join(dir, "victim")];
      writeFileSync(victim, "of somebody else");
      const first = await openSqliteStore({ path, clock });
      const session = await newSession(first);
      await first.close();
      put(`${path}${suffix}`, victim);
      const second = await openSqliteStore({ path, clock });
      expect((await second.sessions.get(session))?.id).toBe(session);
      await second.close();
      expect([existsSync(victim), existsSync(`${path}${suffix}`)]).toEqual([true, false]);
    },
  );

  it("leaves none of its own where its lock is", async () => {
    const path = join(tempDir(), "test.db");
    const store = await openSqliteStore({ path, clock });
    expect(existsSync(`${path}.lock-journal`)).toBe(false);
    await store.close();
  });
});
