import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

describe.skipIf(whyNoSandbox)("a directory to work in", () => {
  it.each([
    "two\nlines",
    "with blanks ",
    "ümläut\u202e",
    "$(touch x)`touch y`",
    "--bind",
    "'\"\\",
    "a:b,c=d",
    "...",
    "x".repeat(255),
  ])("may be called %j", async (name) => {
    const place = makeBwrapPlace();
    const workDir = join(place.workDir, name);
    mkdirSync(workDir);
    place.put(`w/${name}/.git/HEAD`, "mine");
    const { text } = await place.run("echo inside >file; cat file; echo x >.git/config; ls ..", { workDir });
    expect(text).toContain("inside\n");
    expect(readFileSync(join(workDir, "file"), "utf8")).toBe("inside\n");
    await expect.poll(() => readdirSync(join(workDir, ".git"))).toEqual(["HEAD"]);
    expect(readdirSync(place.workDir)).toEqual([name]);
  });

  it("may hold repositories with odd names", async () => {
    const place = makeBwrapPlace();
    const names = ["a\nb", "--", "$x", " "];
    for (const name of names) place.put(`w/${name}/.git/hooks/pre-commit`, "mine");
    await place.run(
      'for f in */.git/hooks/pre-commit; do echo x >"./$f"; rm -rf "./$f"; done; mv -- * x; true',
    );
    for (const name of names) {
      expect(readFileSync(join(place.workDir, name, ".git/hooks/pre-commit"), "utf8")).toBe("mine");
    }
  });
});

describe.skipIf(whyNoSandbox)("a call that stops itself", () => {
  it.each(["kill -STOP $$", "kill -STOP -1", "kill -STOP 1; kill -9 1; kill -9 -1"])("%s", async (line) => {
    const place = makeBwrapPlace();
    const stop = new AbortController();
    const running = place.run(`touch ready; ${line}; sleep 60`, { signal: stop.signal });
    await expect.poll(() => readdirSync(place.workDir)).toContain("ready");
    stop.abort();
    expect((await running).signal).toMatch(/^SIGKILL$/);
    expect((await place.run("echo well")).text).toBe("well\n");
  });
});
