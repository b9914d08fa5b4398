import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placesOfConfiguration } from "../../../src/tools/sandbox/git-configuration.js";
import { makeWorkPlace } from "../work-place.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

describe("where a configuration leads git", () => {
  it.each([
    { name: "nothing", text: "", places: [] },
    {
      name: "other settings",
      text: "[core]\n\tbare = false\n\tpath = x\n[user]\n\thooksPath = y\n",
      places: [],
    },
    { name: "hooks, from the tree", text: "[core]\n\thooksPath = .githooks\n", places: ["/w/.githooks"] },
    { name: "hooks in any case", text: "[CORE]\nHOOKSPATH=hooks/all\n", places: ["/w/hooks/all"] },
    { name: "hooks on the line of the section", text: "[core] hooksPath = a\n", places: ["/w/a"] },
    { name: "hooks of husky", text: "[core]\n\thooksPath = .husky/_\n", places: ["/w/.husky"] },
    { name: "absolute hooks", text: "[core]\n\thooksPath = /opt/hooks\n", places: ["/opt/hooks"] },
    { name: "hooks at home", text: "[core]\n\thooksPath = ~/hooks\n", places: ["/home/u/hooks"] },
    {
      name: "more, from the directory",
      text: "[include]\n\tpath = ../shared.ini\n",
      places: ["/w/shared.ini"],
    },
    {
      name: "more, on a condition",
      text: '[includeIf "gitdir:~/x]/"]\n\tpath = "more config"\n',
      places: ["/w/.git/more config"],
    },
    { name: "comments and quotes", text: '[core] # x\n hooksPath = "a;b" ; c\n', places: ["/w/a;b"] },
    { name: "a line that goes on", text: "[core]\n\thooksPath = on\\\ne\n", places: ["/w/one"] },
    { name: "an escape", text: '[core]\n\thooksPath = a\\"b\n', places: ['/w/a"b'] },
    { name: "an empty value", text: "[core]\n\thooksPath =\n\thooksPath\n", places: [] },
    {
      name: "very many",
      text: `[include]\n${"path = x\n".repeat(1_000)}`,
      places: Array(16).fill("/w/.git/x"),
    },
  ])("$name", ({ text, places }) => {
    const place = makeWorkPlace();
    place.put("w/.git/config", text);
    const repository = { git: join(place.workDir, ".git"), tree: place.workDir, home: "/home/u" };
    const found = placesOfConfiguration(repository).map((path) => path.replace(place.workDir, "/w"));
    expect(found).toEqual(places);
  });
});

describe.skipIf(whyNoSandbox)("hooks that a configuration leads to", () => {
  const attack =
    "echo x >PLACE/pre-commit; mkdir -p PLACE; echo x >PLACE/pre-commit; mv TOP away; rm -rf TOP; mkdir -p PLACE; echo x >PLACE/pre-commit; true";
  const line = (place: string): string =>
    attack.replaceAll("PLACE", place).replaceAll("TOP", place.split("/")[0] ?? "");

  it.each([
    { name: "that are there", hooks: ".githooks", at: ".githooks" },
    { name: "further down", hooks: "tools/git/hooks", at: "tools/git/hooks" },
    { name: "of husky", hooks: ".husky/_", at: ".husky" },
  ])("cannot be changed or replaced: those $name", async ({ hooks, at }) => {
    const place = makeBwrapPlace();
    place.put("w/.git/config", `[core]\n\thooksPath = ${hooks}\n`);
    place.put(`w/${at}/pre-commit`, "mine");
    await place.run(line(at));
    expect(readFileSync(join(place.workDir, at, "pre-commit"), "utf8")).toBe("mine");
  });

  it.each([".githooks", "tools/git/hooks"])("cannot be made: those in %s", async (hooks) => {
    const place = makeBwrapPlace();
    place.put("w/.git/config", `[core]\n\thooksPath = ${hooks}\n`);
    await place.run(line(hooks));
    expect(existsSync(join(place.workDir, hooks, "pre-commit"))).toBe(false);
    await expect.poll(() => readdirSync(place.workDir).filter((name) => name !== "away")).toEqual([".git"]);
  });

  it("cannot be reached by another link on the way", async () => {
    const place = makeBwrapPlace();
    place.put("w/.git/config", "[core]\n\thooksPath = link/hooks\n");
    place.put("w/real/hooks/pre-commit", "mine");
    symlinkSync("real", join(place.workDir, "link"));
    await place.run(
      "echo x >real/hooks/pre-commit; rm link; mkdir -p link/hooks; echo x >link/hooks/pre-commit",
    );
    expect(readFileSync(join(place.workDir, "link/hooks/pre-commit"), "utf8")).toBe("mine");
  });

  it("are those of a repository further down as well, and so is more configuration", async () => {
    const place = makeBwrapPlace();
    place.put("w/sub/.git/config", "[core]\n\thooksPath = hooks\n[include]\n\tpath = ../more.ini\n");
    place.put("w/sub/hooks/pre-commit", "mine");
    place.put("w/sub/more.ini", "mine");
    await place.run(
      "echo x >sub/hooks/pre-commit; echo x >sub/more.ini; rm -rf sub/hooks sub/more.ini; mv sub x; true",
    );
    expect(readFileSync(join(place.workDir, "sub/hooks/pre-commit"), "utf8")).toBe("mine");
    expect(readFileSync(join(place.workDir, "sub/more.ini"), "utf8")).toBe("mine");
  });

  it("leave the rest of the directory to the call, also where they are all of it", async () => {
    const place = makeBwrapPlace();
    place.put("w/.git/config", "[core]\n\thooksPath = .\n[include]\n\tpath = ../../outside\n");
    const { text } = await place.run("echo x >file && cat file");
    expect(text).toBe("x\n");
  });
});
