import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { findNestedRepositories } from "../../../src/tools/sandbox/nested-repositories.js";
import { makeWorkPlace } from "../work-place.js";
import type { BwrapPlace } from "./bwrap-place.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

function makeRepository(place: Pick<BwrapPlace, "put">, path: string): void {
  place.put(`${path}/HEAD`, "ref: refs/heads/main\n");
  place.put(`${path}/config`, "mine");
  place.put(`${path}/hooks/pre-commit`, "mine");
}

describe("finding repositories", () => {
  it("finds those below, directories and files, and not the one at the top", () => {
    const place = makeWorkPlace();
    for (const path of [".git", "a/.git", "b/c/.git", "a/deep/x/.git"]) makeRepository(place, `w/${path}`);
    place.put("w/sub/.git", "gitdir: ../.git/modules/sub\n");
    const found = findNestedRepositories().find(place.workDir);
    const below = ["a/.git", "a/deep/x/.git", "b/c/.git", "sub/.git"];
    expect([...found].sort()).toEqual(below.map((path) => join(place.workDir, path)));
  });

  it("goes neither into packages nor through links, and has an end", () => {
    const place = makeWorkPlace();
    makeRepository(place, "w/node_modules/p/.git");
    makeRepository(place, "outside/.git");
    symlinkSync(join(place.outer, "outside"), join(place.workDir, "link"));
    symlinkSync(".", join(place.workDir, "circle"));
    makeRepository(place, `w/${"d/".repeat(30)}.git`);
    for (let index = 0; index < 100; index += 1) place.put(`w/many/${index}/.git`, "");
    const found = findNestedRepositories().find(place.workDir);
    expect(found).toHaveLength(32);
    expect(found.every((path) => dirname(dirname(path)) === join(place.workDir, "many"))).toBe(true);
  });

  it("sees after a while what has come and gone", async () => {
    const place = makeWorkPlace();
    const repositories = findNestedRepositories();
    expect(repositories.find(place.workDir)).toEqual([]);
    makeRepository(place, "w/new/.git");
    await expect
      .poll(() => repositories.find(place.workDir), { timeout: 5_000 })
      .toEqual([join(place.workDir, "new/.git")]);
    renameSync(join(place.workDir, "new"), join(place.workDir, "newer"));
    await expect
      .poll(() => repositories.find(place.workDir), { timeout: 5_000 })
      .toEqual([join(place.workDir, "newer/.git")]);
  });

  it("says nothing of a directory that is not there", () => {
    expect(findNestedRepositories().find("/no/such/directory")).toEqual([]);
  });
});

const attacks = [
  "echo planted >REPO/hooks/pre-commit; echo planted >REPO/hooks/post-checkout; echo planted >REPO/config",
  "rm -rf REPO/hooks REPO/config; mkdir -p REPO/hooks; echo planted >REPO/hooks/pre-commit; echo planted >REPO/config",
  "mv REPO x; mkdir -p REPO/hooks; echo planted >REPO/hooks/pre-commit; echo planted >REPO/config",
  "mv one y; mkdir -p REPO/hooks; echo planted >REPO/hooks/pre-commit; echo planted >REPO/config",
  "mkdir -p REPO/modules/m/hooks REPO/worktrees/w; echo ../../x >REPO/commondir; echo planted >REPO/config.worktree",
  "rm -rf one; mkdir -p REPO/hooks; echo planted >REPO/hooks/pre-commit",
];

describe.skipIf(whyNoSandbox)("what makes git run something, further down", () => {
  it.each(attacks)("stays as it is: %s", async (attack) => {
    const place = makeBwrapPlace();
    makeRepository(place, "w/one/two/.git");
    await place.run(`{ ${attack.replaceAll("REPO", "one/two/.git")}; } 2>/dev/null; true`);
    const read = (path: string): string => readFileSync(join(place.workDir, "one/two/.git", path), "utf8");
    expect([read("config"), read("hooks/pre-commit")]).toEqual(["mine", "mine"]);
    const added = ["hooks/post-checkout", "commondir", "config.worktree", "modules", "worktrees"];
    const isAdded = (path: string): boolean => existsSync(join(place.workDir, "one/two/.git", path));
    await expect.poll(() => added.filter(isAdded)).toEqual([]);
  });

  it("stays where a file says that it is", async () => {
    const place = makeBwrapPlace();
    makeRepository(place, "w/elsewhere/real");
    place.put("w/tree/.git", "gitdir: ../elsewhere/real\n");
    await place.run(
      "echo planted >elsewhere/real/hooks/pre-commit; echo planted >elsewhere/real/config; mv elsewhere x; echo 'gitdir: /tmp' >tree/.git; rm -f tree/.git; mv tree y; true",
    );
    const read = (path: string): string => readFileSync(join(place.workDir, path), "utf8");
    expect(read("elsewhere/real/hooks/pre-commit")).toBe("mine");
    expect(read("elsewhere/real/config")).toBe("mine");
    expect(read("tree/.git")).toBe("gitdir: ../elsewhere/real\n");
  });

  it.each(["gitdir: ../../outside\n", "gitdir: loop\n", "", "gitdir: \0", "x".repeat(10_000)])(
    "whatever is in such a file",
    async (content) => {
      const place = makeBwrapPlace();
      makeRepository(place, "outside");
      place.put("w/sub/.git", content);
      symlinkSync("loop", join(place.workDir, "sub/loop"));
      expect((await place.run("cat sub/.git >/dev/null && echo well")).text).toBe("well\n");
      expect(readFileSync(join(place.outer, "outside/config"), "utf8")).toBe("mine");
    },
  );

  it("of a submodule lies in the repository at the top, and is not to be written there", async () => {
    const place = makeBwrapPlace();
    makeRepository(place, "w/.git");
    makeRepository(place, "w/.git/modules/sub");
    place.put("w/sub/.git", "gitdir: ../.git/modules/sub\n");
    await place.run("echo planted >.git/modules/sub/hooks/pre-commit; echo planted >.git/modules/sub/config");
    const read = (path: string): string =>
      readFileSync(join(place.workDir, ".git/modules/sub", path), "utf8");
    expect([read("config"), read("hooks/pre-commit")]).toEqual(["mine", "mine"]);
  });

  it("leaves the rest to everyday work", async () => {
    const place = makeBwrapPlace();
    makeRepository(place, "w/repo/.git");
    writeFileSync(join(place.workDir, "repo/file"), "1");
    mkdirSync(join(place.workDir, "repo/.git/objects"));
    const { code } = await place.run(
      "cd repo && echo 2 >file && echo x >.git/objects/y && echo x >.git/index.lock && mv .git/index.lock .git/index && rm file",
    );
    expect(code).toBe(0);
  });
});
