import { spawnSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { openSqliteStore } from "../../../src/store/sqlite/open.js";
import { allEvents, clock, deltas, newSession, tempDir } from "../sample.js";

/** A small disk of its own; undefined where this process may not make one. */
function smallDisk(): { dir: string; unmount(): void } | undefined {
  const dir = tempDir();
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", dir]);
  return status === 0 ? { dir, unmount: () => spawnSync("umount", ["-l", dir]) } : undefined;
}

it("answers that the disk is full, reads on, and writes again when there is room", async ({ skip }) => {
  const disk = smallDisk();
  if (!disk) return skip("a tmpfs cannot be mounted here");
  const path = join(disk.dir, "test.db");
  const store = await openSqliteStore({ path, clock });
  try {
    const sessionId = await newSession(store);
    const written: string[] = [];
    const filler = join(disk.dir, "filler");
    writeFileSync(filler, Buffer.alloc(1024 * 1024));
    const write = async (text: string) => {
      const batch = deltas(sessionId, text, text);
      try {
        await store.commit([batch]);
        written.push(text, text);
        return "written";
      } catch (error) {
        for (const each of batch.writes) expect(each).toMatchObject({ event: { seq: 0 } });
        return (error as { reason?: string }).reason;
      }
    };
    let answer: string | undefined = "written";
    for (let i = 0; answer === "written"; i += 1) answer = await write(`${i}${"x".repeat(20_000)}`);
    expect(answer).toBe("exhausted");
    expect(await write("more".repeat(20_000))).toBe("exhausted");
    await expect(
      store.sessions.insert({ ...(await store.sessions.get(sessionId))!, id: "y".repeat(50_000) }),
    ).rejects.toMatchObject({ reason: "exhausted", detail: { retryable: true } });
    expect(await allEvents(store, sessionId)).toHaveLength(written.length);

    rmSync(filler);
    expect(await write("again")).toBe("written");
    const events = await allEvents(store, sessionId);
    expect(events.map((event) => event.body.value)).toMatchObject(written.map((text) => ({ text })));
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
  } finally {
    await store.close();
    const db = new Database(path, { readonly: true });
    expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
    db.close();
    disk.unmount();
  }
});

it("says so when a store cannot be made on a full disk", async ({ skip }) => {
  const disk = smallDisk();
  if (!disk) return skip("a tmpfs cannot be mounted here");
  try {
    const { bavail, bsize } = statfsSync(disk.dir);
    writeFileSync(join(disk.dir, "filler"), Buffer.alloc(bavail * bsize - 8192));
    await expect(openSqliteStore({ path: join(disk.dir, "test.db"), clock })).rejects.toMatchObject({
      reason: "exhausted",
    });
  } finally {
    disk.unmount();
  }
});
