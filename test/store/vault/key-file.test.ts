import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openKeyFile } from "../../../src/store/vault/key-file.js";
import { tempDir } from "../sample.js";

const isRoot = process.getuid?.() === 0;

describe("a master key", () => {
  it.each([0o000, 0o022, 0o777])("is created once, for its owner alone, under umask %o", (mask) => {
    const dir = tempDir();
    const before = process.umask(mask);
    onTestFinished(() => {
      process.umask(before);
    });
    const key = openKeyFile(dir);
    expect(key).toHaveLength(32);
    expect((statSync(join(dir, "master.key")).mode & 0o777).toString(8)).toBe("600");
    expect(Buffer.from(openKeyFile(dir)).equals(readFileSync(join(dir, "master.key")))).toBe(true);
    expect(openKeyFile(dir)).toEqual(new Uint8Array(key));
    expect(openKeyFile(tempDir())).not.toEqual(key);
  });

  it.each<[string, string, (path: string) => void]>([
    ["its group may read it", "forbidden", (path) => chmodSync(path, 0o640)],
    ["others may read it", "forbidden", (path) => chmodSync(path, 0o604)],
    ["others may write to it", "forbidden", (path) => chmodSync(path, 0o602)],
    ["it is empty", "unavailable", (path) => writeFileSync(path, "")],
    ["it is too short", "unavailable", (path) => writeFileSync(path, Buffer.alloc(31))],
    ["it is too long", "unavailable", (path) => writeFileSync(path, Buffer.alloc(33))],
  ])("is refused, and kept, when %s", (_, reason, spoil) => {
    const dir = tempDir();
    openKeyFile(dir);
    const path = join(dir, "master.key");
    spoil(path);
    const before = readFileSync(path);
    expect(() => openKeyFile(dir)).toThrowError(expect.objectContaining({ reason }));
    expect(readFileSync(path)).toEqual(before);
  });

  it("is refused when it is another user's", ({ skip }) => {
    if (!isRoot) return skip("only root can give a file away");
    const dir = tempDir();
    openKeyFile(dir);
    chownSync(join(dir, "master.key"), 65534, 65534);
    expect(() => openKeyFile(dir)).toThrowError(/another user \(uid 65534\)/);
  });

  it.each<[string, (path: string) => void]>([
    ["a link", (path) => symlinkSync("/dev/zero", path)],
    ["a directory", (path) => mkdirSync(path, { mode: 0o700 })],
  ])("is refused when it is %s", (_, make) => {
    const dir = tempDir();
    make(join(dir, "master.key"));
    expect(() => openKeyFile(dir)).toThrowError(expect.objectContaining({ name: "Fault" }));
  });

  it("is not made where there is no directory", () => {
    const dir = join(tempDir(), "missing");
    expect(() => openKeyFile(dir)).toThrowError(expect.objectContaining({ reason: "unavailable" }));
  });
});
