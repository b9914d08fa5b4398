import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BwrapPlace } from "./bwrap-place.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

/** Runs a line that then waits until it is let go, and answers how to do that. */
async function hold(place: BwrapPlace, line: string, options: { workDir?: string } = {}) {
  const folder = options.workDir ?? place.workDir;
  const name = crypto.randomUUID();
  const ended = place.run(
    `${line}\ntouch ready-${name}; until [ -e go-${name} ]; do sleep 0.02; done; rm *-${name}`,
    options,
  );
  await expect.poll(() => existsSync(join(folder, `ready-${name}`)), { timeout: 5_000 }).toBe(true);
  return () => {
    writeFileSync(join(folder, `go-${name}`), "");
    return ended;
  };
}

describe.skipIf(whyNoSandbox)("a link that a running call has planted", () => {
  it("does not stay because another call has seen it", async () => {
    const place = makeBwrapPlace();
    place.put("w/settings/tasks.json", "mine");
    place.put("outside/tasks.json", "CANARY");
    symlinkSync("settings", join(place.workDir, ".vscode"));
    const first = await hold(place, `rm .vscode; ln -s ${place.outer}/outside .vscode`);
    expect(readlinkSync(join(place.workDir, ".vscode"))).toBe(`${place.outer}/outside`);
    const second = await hold(place, "cat .vscode/tasks.json; echo x >.vscode/tasks.json");
    await first();
    expect((await second()).text).not.toContain("CANARY");
    expect(readlinkSync(join(place.workDir, ".vscode"))).toBe("settings");
    expect(readFileSync(join(place.outer, "outside/tasks.json"), "utf8")).toBe("CANARY");
  });

  it("does not lead the server to put something elsewhere", async () => {
    const place = makeBwrapPlace();
    place.put("project/.git/HEAD", "mine");
    place.put("project/.git/commondir", "mine");
    // It began before there was a repository, and so nothing keeps it from moving one.
    const swap = "mv x x-away; ln -s ../project x; mv y y-away; ln -s ../project y; touch swapped";
    const first = await hold(place, `(until [ -e swap ]; do sleep 0.02; done; ${swap}) &`);
    await place.run("mkdir -p x y/.git evil; ln -s ../evil x/.git; echo ref >y/.git/HEAD");
    await expect.poll(async () => (await place.run("[ -d y/.git/config ]")).code, { timeout: 5_000 }).toBe(0);
    const victim = await hold(place, "true");
    writeFileSync(join(place.workDir, "swap"), "");
    await expect.poll(() => existsSync(join(place.workDir, "swapped"))).toBe(true);
    await victim();
    await first();
    expect(lstatSync(join(place.outer, "project/.git")).isDirectory()).toBe(true);
    expect(readdirSync(join(place.outer, "project/.git")).toSorted()).toEqual(["HEAD", "commondir"]);
  });

  it("is put aside with what it holds, where it is a directory in place of a link", async () => {
    const place = makeBwrapPlace();
    mkdirSync(join(place.workDir, "settings"));
    symlinkSync("settings", join(place.workDir, ".vscode"));
    await place.run("rm .vscode; mkdir .vscode; echo planted >.vscode/tasks.json; chmod 555 .");
    expect(readlinkSync(join(place.workDir, ".vscode"))).toBe("settings");
    expect(readdirSync(join(place.workDir, "settings"))).toEqual([]);
    const aside = readdirSync(place.workDir).find((name) => name.startsWith(".vscode.replaced-"));
    expect(readFileSync(join(place.workDir, aside!, "tasks.json"), "utf8")).toBe("planted\n");
  });
});
