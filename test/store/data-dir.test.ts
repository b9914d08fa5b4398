import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { defaultDataDir, prepareDataDir } from "../../src/store/data-dir.js";
import { tempDir } from "./sample.js";

const isRoot = process.getuid?.() === 0;
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

it.each([
  ["/data/agentry", { XDG_DATA_HOME: "/data", HOME: "/home/me" }],
  ["/home/me/.local/share/agentry", { HOME: "/home/me" }],
  ["/home/me/.local/share/agentry", { XDG_DATA_HOME: "", HOME: "/home/me" }],
  ["/home/me/.local/share/agentry", { XDG_DATA_HOME: "relative", HOME: "/home/me" }],
  [join(homedir(), ".local/share/agentry"), {}],
])("is %s by default under %j", (expected, env) => {
  expect(defaultDataDir(env)).toBe(expected);
});

describe("a data directory", () => {
  it.each([0o000, 0o022, 0o077, 0o777])("is created for its owner alone under umask %o", (mask) => {
    const parent = join(tempDir(), "a");
    const before = process.umask(mask);
    onTestFinished(() => {
      process.umask(before);
    });
    expect(prepareDataDir(join(parent, "b"))).toBe(join(parent, "b"));
    expect([modeOf(parent), modeOf(join(parent, "b"))]).toEqual(["700", "700"]);
  });

  it.each([0o700, 0o755])("is taken as it is with mode %o", (mode) => {
    const dir = tempDir();
    chmodSync(dir, mode);
    expect(prepareDataDir(dir)).toBe(dir);
    expect(modeOf(dir)).toBe(mode.toString(8));
  });

  it.each([0o720, 0o702, 0o777])("is refused with mode %o", (mode) => {
    const dir = tempDir();
    chmodSync(dir, mode);
    expect(() => prepareDataDir(dir)).toThrowError(expect.objectContaining({ reason: "forbidden" }));
  });

  it("is refused when it is another user's", ({ skip }) => {
    if (!isRoot) return skip("only root can give a directory away");
    const dir = tempDir();
    chownSync(dir, 65534, 65534);
    expect(() => prepareDataDir(dir)).toThrowError(/another user \(uid 65534\)/);
  });

  it("is refused when it is a file, or below one", () => {
    const file = join(tempDir(), "file");
    writeFileSync(file, "");
    expect(() => prepareDataDir(file)).toThrowError("is not a directory");
    expect(() => prepareDataDir(join(file, "x"))).toThrowError(
      expect.objectContaining({ reason: "unavailable" }),
    );
  });

  it.each([".", "a", "a/b"])("is refused when it is %s at a link to nowhere", (below) => {
    const link = join(tempDir(), "link");
    symlinkSync(join(link, "..", "gone"), link);
    expect(() => prepareDataDir(join(link, below))).toThrowError(
      expect.objectContaining({ reason: "unavailable", message: expect.stringContaining(link) }),
    );
  });

  it("is refused when its path is empty", () => {
    expect(() => prepareDataDir("")).toThrowError(expect.objectContaining({ reason: "invalid" }));
  });

  it("keeps what is in it", () => {
    const dir = tempDir();
    mkdirSync(join(dir, "sub"));
    prepareDataDir(dir);
    expect(statSync(join(dir, "sub")).isDirectory()).toBe(true);
  });
});
