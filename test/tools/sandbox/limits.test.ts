import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { limits } from "../../../src/tools/sandbox/limits.js";
import { watchFreeFiles } from "../../../src/tools/sandbox/watch-free-files.js";
import { alive } from "./alive.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";
import { mountSmall, whyNoMount } from "./small-file-system.js";

describe.skipIf(whyNoSandbox)("what a process may use", () => {
  it.each([
    { name: "core dumps", flag: "-c", most: 0 },
    { name: "open files", flag: "-n", most: limits.openFiles },
    { name: "computing", flag: "-t", most: limits.cpuSeconds },
    { name: "the size of a file", flag: "-f", most: limits.fileBytes / 1024 },
    { name: "data", flag: "-d", most: limits.memoryBytes / 1024 },
  ])("has an end in $name that it cannot move", async ({ flag, most }) => {
    const { text } = await makeBwrapPlace().run(
      `ulimit -S ${flag}; ulimit -H ${flag}; ulimit ${flag} unlimited 2>/dev/null; ulimit ${flag} ${most + 1} 2>/dev/null; ulimit -H ${flag}`,
    );
    expect(text).toBe(`${most}\n${most}\n${most}\n`);
  });

  it("is computed behind the server", async () => {
    const place = makeBwrapPlace();
    const mark = `mark-${crypto.randomUUID()}`;
    const controller = new AbortController();
    const running = place.run(`touch ready; for (( ; ; )) do : ${mark}; done`, { signal: controller.signal });
    await expect.poll(() => existsSync(join(place.workDir, "ready"))).toBe(true);
    const pids = alive(mark);
    expect(pids.length).toBeGreaterThan(0);
    for (const pid of pids) {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      expect(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]).toBe(String(limits.niceness));
      if (!place.sandbox.groups.sharesProcessor) continue;
      expect(readFileSync(`/proc/${pid}/cgroup`, "latin1")).toMatch(
        /^\d+:(\S*,)?cpu(,\S*)?:\S*agentry-|^0::\S*agentry-/m,
      );
    }
    controller.abort();
    expect((await running).signal).toBe("SIGKILL");
  });

  it("is less than it asks for: descriptors without end fail, and others go on", async () => {
    const place = makeBwrapPlace();
    const code =
      "const fs = require('fs'); let n = 0; try { for (;;) { fs.openSync('/dev/null'); n++ } } catch (e) { console.log(n, e.code) }";
    const [hog, other] = await Promise.all([
      place.run(`"${process.execPath}" -e "${code}"`),
      place.run("cat /etc/passwd >/dev/null && echo well"),
    ]);
    expect(hog.text).toMatch(/^\d+ EMFILE\n$/);
    expect(Number(hog.text.split(" ")[0])).toBeLessThan(limits.openFiles);
    expect(other.text).toBe("well\n");
  });
});

describe.skipIf(whyNoMount)("making files without end", () => {
  it("is noticed, once", async () => {
    const folder = mountSmall("nr_inodes=2000");
    const told: string[] = [];
    const watch = (most: number): void => {
      const files = watchFreeFiles({ most, everyMs: 5, onExceeded: () => void told.push(`over ${most}`) });
      onTestFinished(() => files.stop());
      files.add("/no/such/place");
      files.add(folder);
    };
    for (const most of [100, 150, 1_000]) watch(most);
    for (let index = 0; index < 120; index += 1) writeFileSync(join(folder, String(index)), "");
    await expect.poll(() => told).toEqual(["over 100"]);
    for (let index = 0; index < 120; index += 1) writeFileSync(join(folder, `more-${index}`), "");
    await expect.poll(() => told).toEqual(["over 100", "over 150"]);
  });
});
