import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { StorageBounds } from "../../../src/tools/sandbox/watch-storage.js";
import { watchStorage } from "../../../src/tools/sandbox/watch-storage.js";
import { weighChanges } from "../../../src/tools/sandbox/weigh-changes.js";
import { makeWorkPlace } from "../work-place.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";
import { mountSmall, whyNoMount } from "./small-file-system.js";

const mebibyte = 1024 ** 2;
const bounds: StorageBounds = { everyMs: 5, newFiles: 1_500, keptBytes: 8 * mebibyte, keptShare: 0.5 };
const fill = (path: string, count: number): void => writeFileSync(path, Buffer.alloc(count * mebibyte, 1));
const make = (folder: string, count: number): void => {
  mkdirSync(folder, { recursive: true });
  for (let index = 0; index < count; index += 1) writeFileSync(join(folder, String(index)), "");
};

/** Watches a call in each of the folders `a`, `b` and `c`. Answers who was ended, in this order, and why. */
function watchThree(options: string, own: Partial<StorageBounds> = {}) {
  const outer = mountSmall(options, ["a", "b", "c", "elsewhere"]);
  const watch = watchStorage({ ...bounds, ...own });
  const ended: string[] = [];
  for (const name of ["a", "b", "c"]) {
    const leave = watch.add({
      directory: join(outer, name),
      end: (why) => void ended.push(`${name}: ${why}`),
    });
    onTestFinished(leave);
  }
  return { outer, ended, watch };
}

const full = "the disk is nearly full";
const few = "the file system can hold few more files";
const many = "it made too many files";

describe.skipIf(whyNoMount)("a file system that runs full", () => {
  it("costs the call that took most, and then the next", async () => {
    const { outer, ended } = watchThree("size=32m");
    fill(join(outer, "a/small"), 3);
    fill(join(outer, "b/large"), 22);
    await expect.poll(() => ended).toEqual([`b: ${full}`]);
    fill(join(outer, "a/more"), 5);
    await expect.poll(() => ended).toEqual([`b: ${full}`, `a: ${full}`]);
  });

  it("by files that nobody can find costs all of them", async () => {
    const { outer, ended } = watchThree("size=32m");
    const held = openSync(join(outer, "c/held"), "w");
    onTestFinished(() => closeSync(held));
    rmSync(join(outer, "c/held"));
    writeFileSync(held, Buffer.alloc(27 * mebibyte, 1));
    await expect.poll(() => ended.toSorted()).toEqual([`a: ${full}`, `b: ${full}`, `c: ${full}`]);
  });

  it("of files costs the call that made most", async () => {
    const { outer, ended } = watchThree("size=32m,nr_inodes=4000", { newFiles: 1e6 });
    make(join(outer, "a"), 900);
    make(join(outer, "c"), 1_300);
    await expect.poll(() => ended).toEqual([`c: ${few}`]);
  });

  it("before a call leaves it half of what is there", async () => {
    const { outer, ended, watch } = watchThree("size=32m");
    fill(join(outer, "elsewhere/old"), 28);
    await expect.poll(() => ended.length).toBe(3);
    const late: string[] = [];
    onTestFinished(watch.add({ directory: join(outer, "a"), end: (why) => void late.push(why) }));
    fill(join(outer, "a/one"), 1);
    fill(join(outer, "a/two"), 2);
    await expect.poll(() => late).toEqual([full]);
  });
});

describe.skipIf(whyNoMount)("many new files", () => {
  it("cost who made them, and nobody else", async () => {
    const { outer, ended } = watchThree("size=32m,nr_inodes=100000", { keptShare: 0.01 });
    make(join(outer, "elsewhere"), 2_000);
    make(join(outer, "b"), 1_000);
    make(join(outer, "c/deep/er"), 1_600);
    await expect.poll(() => ended).toEqual([`c: ${many}`]);
    make(join(outer, "b/more"), 1_600);
    await expect.poll(() => ended).toEqual([`c: ${many}`, `b: ${many}`]);
  });

  it("are not noticed once a call has ended", async () => {
    const outer = mountSmall("nr_inodes=100000", ["a"]);
    const watch = watchStorage(bounds);
    const ended: string[] = [];
    const leave = watch.add({ directory: join(outer, "a"), end: (why) => void ended.push(why) });
    leave();
    const other: string[] = [];
    onTestFinished(watch.add({ directory: join(outer, "a"), end: (why) => void other.push(why) }));
    make(join(outer, "a"), 1_600);
    await expect.poll(() => other).toEqual([many]);
    expect(ended).toEqual([]);
    expect(watch.add({ directory: join(outer, "gone"), end: () => undefined })()).toBeUndefined();
  });
});

it("only what is new or has changed is counted, whatever its times say and its name holds", async () => {
  const { outer, workDir } = makeWorkPlace();
  writeFileSync(join(workDir, "old"), "x".repeat(mebibyte));
  writeFileSync(join(outer, "outside"), "x".repeat(mebibyte));
  await delay(20);
  const since = Date.now();
  await delay(20);
  for (const name of ["new", "-delete", "a\nb\n12", "$(touch x)"]) {
    writeFileSync(join(workDir, name), "x".repeat(4096));
    utimesSync(join(workDir, name), 1, 1);
  }
  const { files, bytes } = await weighChanges(workDir, since, 10_000);
  expect(files).toBe(5);
  expect(bytes).toBeGreaterThanOrEqual(4 * 4096);
  expect(bytes).toBeLessThan(mebibyte / 2);
  linkSync(join(workDir, "old"), join(workDir, "linked"));
  expect((await weighChanges(workDir, since, 10_000)).files).toBe(7);
  expect(await weighChanges("/no/such/folder", since, 10_000)).toEqual({ files: 0, bytes: 0 });
});

describe.skipIf(whyNoSandbox ?? whyNoMount)("a call that fills its disk", () => {
  it("is ended and says why, and its neighbour goes on", async () => {
    const outer = mountSmall("size=64m", ["hog", "other"]);
    const place = makeBwrapPlace();
    const line = "touch ready; until [ -e done ]; do sleep 0.05; done; echo well";
    const other = place.run(line, { workDir: join(outer, "other") });
    await expect.poll(() => existsSync(join(outer, "other/ready"))).toBe(true);
    const hog = await place.run("head -c 62M /dev/zero >big; sleep 60", { workDir: join(outer, "hog") });
    expect(hog).toMatchObject({ signal: "SIGKILL", why: full });
    writeFileSync(join(outer, "other/done"), "");
    expect(await other).toMatchObject({ code: 0, text: "well\n" });
  });
});
