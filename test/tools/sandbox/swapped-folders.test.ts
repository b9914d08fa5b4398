import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Cover } from "../../../src/tools/sandbox/bwrap-arguments.js";
import { checkView } from "../../../src/tools/sandbox/check-view.js";
import { holdFolder } from "../../../src/tools/sandbox/hold-folder.js";
import { createWriters } from "../../../src/tools/sandbox/writers.js";
import { makeWorkPlace } from "../work-place.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

const perl = "/usr/bin/perl";
/** renameat2(2), by machine. */
const exchange = { x64: 316, arm64: 276 }[process.arch as string];
const why = whyNoSandbox ?? (existsSync(perl) && exchange !== undefined ? undefined : "no perl");
if (why !== undefined) process.stderr.write(`nothing is exchanged under a sandbox: ${why}\n`);

it.skipIf(why)(
  "a directory that a running call exchanges for a link leads no other call outside",
  async () => {
    const place = makeBwrapPlace();
    place.put("secret/canary", "CANARY");
    mkdirSync(join(place.workDir, "sub"));
    // While bubblewrap sets up a view, the file system of the host is there.
    symlinkSync(join("/oldroot", place.outer, "secret"), join(place.workDir, "link"));
    const swap = `syscall(${exchange}, -100, $x, -100, $y, 2)`;
    const script = `($x, $y) = ("sub", "link"); for (;;) { select(undef, undef, undef, rand(0.006)); ${swap} }`;
    const stop = new AbortController();
    const attack = place.run(`touch ready; ${perl} -e '${script}'`, { signal: stop.signal });
    await expect.poll(() => existsSync(join(place.workDir, "ready"))).toBe(true);
    const seen = new Set<string>();
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const options = { workDir: join(place.workDir, "sub"), readOnly: attempt % 2 === 0 };
      const told = await place.run("cat canary; echo x >written", options).then(
        ({ text }) => text,
        (error: Error) => error.message,
      );
      seen.add(told);
      await delay(1);
    }
    stop.abort();
    await attack;
    expect([...seen].filter((text) => text.includes("CANARY"))).toEqual([]);
    expect(existsSync(join(place.outer, "secret/written"))).toBe(false);
  },
);

describe.skipIf(process.platform !== "linux")("a view is looked at from inside", () => {
  const kinds: Record<string, Cover["kind"]> = { a: "pin", "a/fixed": "fixed", empty: "empty" };

  function open() {
    const { workDir } = makeWorkPlace();
    for (const name of Object.keys(kinds)) mkdirSync(join(workDir, name));
    const covers = Object.entries(kinds).map(([name, kind]) => ({ path: join(workDir, name), kind }));
    const folder = holdFolder(workDir);
    onTestFinished(() => folder.close());
    const [file = "", ...args] = [...checkView(workDir, covers, folder), "echo", "a b", "$0"];
    return { workDir, covers, folder, run: () => spawnSync(file, args, { encoding: "utf8", env: {} }) };
  }

  it.each([
    { name: "nothing", change: () => undefined, code: 0 },
    {
      name: "what is hidden anyway",
      change: (at: string) => renameSync(join(at, "empty"), join(at, "x")),
      code: 0,
    },
    { name: "a place in it", change: (at: string) => replace(join(at, "a/fixed")), code: 126 },
    { name: "a directory above a place", change: (at: string) => replace(join(at, "a")), code: 126 },
    { name: "the directory itself", change: replace, code: 126 },
  ])("with $name replaced", ({ change, code }) => {
    const { workDir, run } = open();
    change(workDir);
    const { status, stdout, stderr } = run();
    expect({ status, stdout }).toEqual({ status: code, stdout: code === 0 ? "a b $0\n" : "" });
    expect(stderr.includes("was replaced")).toBe(code !== 0);
  });

  it("and not begun where something is gone already", () => {
    const { workDir, covers, folder } = open();
    renameSync(join(workDir, "a"), join(workDir, "b"));
    symlinkSync("b", join(workDir, "a"));
    expect(() => checkView(workDir, covers, folder)).toThrow("was replaced");
    replace(workDir, "/usr");
    expect(() => holdFolder(workDir)).toThrow();
  });

  function replace(path: string, link?: string): void {
    renameSync(path, `${path}-away`);
    if (link === undefined) mkdirSync(path);
    else symlinkSync(link, path);
  }
});

it.each([
  { running: "/w", workDir: "/w/sub", withPlaces: false, may: true },
  { running: "/w", workDir: "/w", withPlaces: false, may: false },
  { running: "/w", workDir: "/w", withPlaces: true, may: true },
  { running: "/w/sub", workDir: "/w", withPlaces: false, may: false },
  { running: "/w/sub", workDir: "/w", withPlaces: true, may: true },
  { running: "/w", workDir: "/w-other", withPlaces: true, may: false },
  { running: "/", workDir: "/w", withPlaces: false, may: true },
])("who writes to $running may replace $workDir, with places: $withPlaces — $may", (scene) => {
  const writers = createWriters();
  const leave = [writers.enter(scene.running), writers.enter(scene.running)];
  expect(writers.mayReplace(scene.workDir, scene.withPlaces)).toBe(scene.may);
  leave[0]!();
  expect(writers.mayReplace(scene.workDir, scene.withPlaces)).toBe(scene.may);
  leave[1]!();
  expect(writers.mayReplace(scene.workDir, scene.withPlaces)).toBe(false);
});
