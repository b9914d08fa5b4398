import { symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { globTool } from "../../src/tools/glob.js";
import { grepTool } from "../../src/tools/grep.js";
import type { WorkPlace } from "./work-place.js";
import { makeWorkPlace } from "./work-place.js";

/** Files by their path in the work_dir, the first the newest. */
function fill(place: WorkPlace, files: Readonly<Record<string, string>>): void {
  Object.entries(files).forEach(([name, content], i) => {
    const time = 1_700_000_000 - i * 10;
    utimesSync(place.put(`w/${name}`, content), time, time);
  });
}

const tree = {
  "src/a.ts": "needle a\n",
  "src/deep/er/b.ts": "needle b\n",
  "src2/c.ts": "needle c\n",
  "src/deep/b.js": "needle js\n",
  ".hidden/h.ts": "needle h\n",
  "top.ts": "needle top\n",
  "test/t.ts": "needle t\n",
  "x/test/u.ts": "needle u\n",
  "node_modules/m/m.ts": "needle m\n",
  "built.log": "needle log\n",
  "we[i]rd/{x}.md": "needle weird\n",
  ".git/config": "needle git\n",
  ".gitignore": "node_modules/\n*.log\n",
};
const everything =
  "src/a.ts src/deep/er/b.ts src2/c.ts src/deep/b.js .hidden/h.ts top.ts test/t.ts x/test/u.ts we[i]rd/{x}.md .gitignore";

describe("glob", () => {
  const cases = [
    {
      name: "** for any number of directories",
      input: { pattern: "src/**/*.ts" },
      found: "src/a.ts src/deep/er/b.ts",
    },
    { name: "* for names in one directory", input: { pattern: "*.ts" }, found: "top.ts" },
    {
      name: "**/ for any depth, hidden files too",
      input: { pattern: "**/*.ts" },
      found: "src/a.ts src/deep/er/b.ts src2/c.ts .hidden/h.ts top.ts test/t.ts x/test/u.ts",
    },
    { name: "a directory at any depth", input: { pattern: "**/test/*.ts" }, found: "test/t.ts x/test/u.ts" },
    {
      name: "what is below a directory at any depth",
      input: { pattern: "**/test/**" },
      found: "test/t.ts x/test/u.ts",
    },
    { name: "two **", input: { pattern: "**/deep/**/*.ts" }, found: "src/deep/er/b.ts" },
    {
      name: "alternatives",
      input: { pattern: "src/**/*.{js,ts}" },
      found: "src/a.ts src/deep/er/b.ts src/deep/b.js",
    },
    { name: "all, but for what is ignored", input: { pattern: "**/*" }, found: everything },
    { name: "all by another word", input: { pattern: "**" }, found: everything },
    { name: "nothing that is ignored, by a directory", input: { pattern: "**/m.ts" }, found: "" },
    { name: "nothing that is ignored, by a file", input: { pattern: "*.log" }, found: "" },
    { name: "nothing of .git", input: { pattern: ".git/**" }, found: "" },
    { name: "a path to search in", input: { pattern: "*.ts", path: "src" }, found: "src/a.ts" },
    { name: "a path with signs of globs", input: { pattern: "*", path: "we[i]rd" }, found: "we[i]rd/{x}.md" },
    {
      name: "an ignored directory that is named",
      input: { pattern: "**/*.ts", path: "node_modules" },
      found: "node_modules/m/m.ts",
    },
    { name: "a leading ./", input: { pattern: "./src/*.ts" }, found: "src/a.ts" },
    { name: "a pattern like a flag", input: { pattern: "--files" }, found: "" },
    { name: "a pattern that is no negation", input: { pattern: "!src/**" }, found: "" },
  ];
  it.each(cases)("$name", async ({ input, found }) => {
    const place = makeWorkPlace();
    fill(place, tree);
    const output = await place.call(globTool, input);
    expect(output.failed).toBe(false);
    expect(output.text.split("\n")).toEqual(
      found === "" ? [`no files match ${input.pattern}`] : found.split(" "),
    );
  });

  it("takes an absolute pattern inside the work_dir", async () => {
    const place = makeWorkPlace();
    fill(place, tree);
    expect((await place.call(globTool, { pattern: `${place.workDir}/src/*.ts` })).text).toBe("src/a.ts");
  });

  it.each([
    { name: "a pattern that leads out", input: { pattern: "../*" } },
    { name: "an absolute pattern", input: { pattern: "/etc/*" } },
    { name: "a broken pattern", input: { pattern: "{a" } },
    { name: "an empty pattern", input: { pattern: "" } },
    { name: "a path that is a file", input: { pattern: "*", path: "top.ts" } },
    { name: "a path that is missing", input: { pattern: "*", path: "gone" } },
  ])("refuses $name", async ({ input }) => {
    const place = makeWorkPlace();
    fill(place, tree);
    const output = await place.call(globTool, input);
    expect(output.failed).toBe(true);
    expect(output.text).not.toContain("hostname");
  });

  it("shows at most 1000, and says of how many", async () => {
    const place = makeWorkPlace();
    for (let i = 0; i < 1_010; i += 1) place.put(`w/f${i}`, "");
    const output = await place.call(globTool, { pattern: "*" });
    expect(output.text.split("\n")).toHaveLength(1_001);
    expect(output.text).toMatch(/\n\[1000 of 1010 files shown\]$/);
    expect(output.truncated).toBe(true);
  });

  it("spells names that would look like more lines", async () => {
    const place = makeWorkPlace();
    place.put("w/a\nb.ts", "");
    expect((await place.call(globTool, { pattern: "*.ts" })).text).toBe("a\\u{a}b.ts");
  });
});

describe("grep", () => {
  const cases = [
    {
      name: "path:line:text, in order of paths",
      input: { pattern: "needle [ab]$" },
      found: ["src/a.ts:1:needle a", "src/deep/er/b.ts:1:needle b"],
    },
    {
      name: "an include by name at any depth",
      input: { pattern: "needle", include: "*.js" },
      found: ["src/deep/b.js:1:needle js"],
    },
    {
      name: "an include by path",
      input: { pattern: "needle", include: "src/**/*.ts" },
      found: ["src/a.ts:1:needle a", "src/deep/er/b.ts:1:needle b"],
    },
    {
      name: "an include of what is ignored",
      input: { pattern: "needle", include: "*.log" },
      found: ["no matches for needle"],
    },
    {
      name: "an include that excludes",
      input: { pattern: "needle", include: "!*.ts" },
      found: ["src/deep/b.js:1:needle js", "we[i]rd/{x}.md:1:needle weird"],
    },
    {
      name: "a path that is a file",
      input: { pattern: "needle", path: "src/a.ts" },
      found: ["src/a.ts:1:needle a"],
    },
    {
      name: "a path and an include below it",
      input: { pattern: "needle", path: "src", include: "deep/**" },
      found: ["src/deep/b.js:1:needle js", "src/deep/er/b.ts:1:needle b"],
    },
    {
      name: "names only",
      input: { pattern: "needle [ab]$", output: "files" },
      found: ["src/a.ts", "src/deep/er/b.ts"],
    },
    {
      name: "counts",
      input: { pattern: "needle [ab]$", output: "count" },
      found: ["src/a.ts:1", "src/deep/er/b.ts:1"],
    },
    { name: "any case", input: { pattern: "NEEDLE A", ignore_case: true }, found: ["src/a.ts:1:needle a"] },
    { name: "no match, said plainly", input: { pattern: "haystack" }, found: ["no matches for haystack"] },
    { name: "a pattern like a flag", input: { pattern: "--files" }, found: ["no matches for --files"] },
    { name: "a pattern like the end of flags", input: { pattern: "--" }, found: ["no matches for --"] },
    {
      name: "a pattern like a flag that runs programs",
      input: { pattern: "--pre=touch" },
      found: ["no matches for --pre=touch"],
    },
  ];
  it.each(cases)("$name", async ({ input, found }) => {
    const place = makeWorkPlace();
    fill(place, tree);
    const output = await place.call(grepTool, input);
    expect(output.text.split("\n")).toEqual(found);
    expect(output.failed).toBe(false);
  });

  it.each([
    { name: "a broken pattern", input: { pattern: "a(" }, text: /unclosed group/ },
    { name: "look-around", input: { pattern: "(?=a)b" }, text: /look-around/ },
    { name: "a broken include", input: { pattern: "a", include: "{a" }, text: /glob/ },
    {
      name: "an include that leads out",
      input: { pattern: "a", include: "../*" },
      text: /must not lead out/,
    },
    { name: "an empty pattern", input: { pattern: "" }, text: "pattern is empty" },
    {
      name: "an unknown form of output",
      input: { pattern: "a", output: "xml" },
      text: /output must be one of/,
    },
  ])("refuses $name, saying why", async ({ input, text }) => {
    const place = makeWorkPlace();
    fill(place, tree);
    const output = await place.call(grepTool, input);
    expect(output.text).toMatch(text);
    expect(output.failed).toBe(true);
  });

  it("does not follow symbolic links", async () => {
    const place = makeWorkPlace();
    place.put("outside/secret", "SECRET\n");
    symlinkSync("../outside", join(place.workDir, "dir"));
    symlinkSync("../outside/secret", join(place.workDir, "file"));
    expect((await place.call(grepTool, { pattern: "SECRET" })).text).toBe("no matches for SECRET");
    expect((await place.call(globTool, { pattern: "**" })).text).toBe("no files match **");
  });

  it("cuts long lines and stops at 500 matches", async () => {
    const place = makeWorkPlace();
    place.put("w/long", `needle ${"x".repeat(100_000)}\r\n`);
    const long = await place.call(grepTool, { pattern: "needle" });
    expect(long.text).toMatch(/^long:1:needle x+ \[\.\.\. .*\]$/);
    expect(long.text.length).toBeLessThan(600);
    place.put("w/many", "needle\r\n".repeat(100_000));
    const many = await place.call(grepTool, { pattern: "^needle$" });
    expect(many.text.split("\n")).toHaveLength(501);
    expect(many.text).toMatch(/\nmany:500:needle\n\[there are more matches/);
    expect(many.truncated).toBe(true);
  });

  it.each([
    {
      input: {},
      found: ["a\\u{a}b.ts:1:needle", "b.ts:1:needle", "x binary file matches\\u{a}c.ts:1:needle"],
    },
    { input: { include: "a*" }, found: ["a\\u{a}b.ts:1:needle"] },
    {
      input: { output: "count" },
      found: ["a\\u{a}b.ts:1", "b.ts:1", "x binary file matches\\u{a}c.ts:1"],
    },
  ])("tells files apart whose names hold line feeds: $input", async ({ input, found }) => {
    const place = makeWorkPlace();
    for (const name of ["a\nb.ts", "b.ts", "x binary file matches\nc.ts"]) place.put(`w/${name}`, "needle\n");
    const { text } = await place.call(grepTool, { pattern: "needle", ...input });
    expect(text.split("\n")).toEqual(found);
  });

  it("says of a binary file that was named that it matches", async () => {
    const place = makeWorkPlace();
    place.put("w/binary", "needle\0\nneedle\n");
    expect((await place.call(grepTool, { pattern: "needle", path: "binary" })).text).toMatch(
      /^binary: binary file matches/,
    );
  });
});

describe("patterns that are hard", () => {
  const cases = [
    { tool: globTool, input: { pattern: "*(*(*(*(a|b))))" } },
    { tool: globTool, input: { pattern: `${"*".repeat(34)}x` } },
    { tool: globTool, input: { pattern: `${"*a".repeat(200)}x` } },
    { tool: globTool, input: { pattern: "{a,b}".repeat(20) } },
    { tool: globTool, input: { pattern: `${"{a,".repeat(20)}b${"}".repeat(20)}` } },
    { tool: globTool, input: { pattern: "{1..1000000000}" } },
    { tool: grepTool, input: { pattern: "(a+)+$" } },
    { tool: grepTool, input: { pattern: "(.*)*x" } },
    { tool: grepTool, input: { pattern: "((a{0,100}){0,100}){0,100}x" } },
    { tool: grepTool, input: { pattern: "(?=a){100}" } },
  ];
  it.each(cases)("$tool.name $input.pattern ends, and others get their turn", async ({ tool, input }) => {
    const place = makeWorkPlace();
    place.put("w/line", "a".repeat(1_000_000));
    place.put(`w/${"a".repeat(200)}`, "");
    let slowest = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      slowest = Math.max(slowest, performance.now() - last);
      last = performance.now();
    }, 5);
    const output = await place.call(tool, input);
    clearInterval(ticking);
    expect(output.text.length).toBeLessThan(31_000);
    expect(slowest).toBeLessThan(1_000);
  });
});
