import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolveToken } from "../../src/server/token.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "agentry-token-"));
});
afterEach(() => {
  delete process.env.AGENTRY_TOKEN;
  rmSync(directory, { recursive: true });
});

describe("resolveToken", () => {
  it("makes a token once, for its owner alone", () => {
    const dataDir = join(directory, "deep", "data");
    const token = resolveToken(dataDir);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(resolveToken(dataDir)).toBe(token);
    expect(readFileSync(join(dataDir, "token"), "utf8").trim()).toBe(token);
    expect(statSync(join(dataDir, "token")).mode & 0o777).toBe(0o600);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(dataDir)).toEqual(["token"]);
  });

  it("prefers the environment and removes it from there", () => {
    process.env.AGENTRY_TOKEN = "from-the-environment";
    expect(resolveToken(directory)).toBe("from-the-environment");
    expect(process.env.AGENTRY_TOKEN).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each(["short", "with space inside", "line\nbreak-inside", "x".repeat(600)])("refuses %j", (value) => {
    process.env.AGENTRY_TOKEN = value;
    expect(() => resolveToken(directory)).toThrow(/AGENTRY_TOKEN must hold/);
    expect(process.env.AGENTRY_TOKEN).toBeUndefined();
  });

  it.each([0o640, 0o604, 0o666])("refuses a file that others can read: %o", (mode) => {
    const path = join(directory, "token");
    writeFileSync(path, "a-good-long-token\n");
    chmodSync(path, mode);
    expect(() => resolveToken(directory)).toThrow(/chmod 600/);
    chmodSync(path, 0o600);
    expect(resolveToken(directory)).toBe("a-good-long-token");
  });

  it.each([
    ["empty", ""],
    ["too long", "x".repeat(5000)],
    ["no text", "\0\0\0\0\0\0\0\0\0\0"],
  ])("refuses a file that is %s", (_, content) => {
    writeFileSync(join(directory, "token"), content, { mode: 0o600 });
    expect(() => resolveToken(directory)).toThrow(/token file/);
  });

  it("refuses a link", () => {
    writeFileSync(join(directory, "other"), "a-good-long-token\n", { mode: 0o600 });
    symlinkSync(join(directory, "other"), join(directory, "token"));
    expect(() => resolveToken(directory)).toThrow(/cannot be opened/);
  });
});
