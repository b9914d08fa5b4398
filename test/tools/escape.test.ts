import type { ChildProcess } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Tool } from "../../src/core/tool.js";
import { editTool } from "../../src/tools/edit.js";
import { globTool } from "../../src/tools/glob.js";
import { grepTool } from "../../src/tools/grep.js";
import { readTool } from "../../src/tools/read.js";
import { writeTool } from "../../src/tools/write.js";
import type { WorkPlace } from "./work-place.js";
import { makeWorkPlace } from "./work-place.js";

const tools: readonly { tool: Tool; input: JsonObject }[] = [
  { tool: readTool, input: {} },
  { tool: writeTool, input: { content: "overwritten" } },
  { tool: editTool, input: { old_string: "SECRET", new_string: "overwritten" } },
  { tool: globTool, input: { pattern: "**" } },
  { tool: grepTool, input: { pattern: "SECRET" } },
];

/** Every path of the table, and how a place is made in which it would lead to the secret. */
const escapes: readonly {
  name: string;
  path: (place: WorkPlace) => string;
  make?: (place: WorkPlace) => void;
}[] = [
  { name: "a sibling whose name begins alike", path: ({ workDir }) => `${workDir}-evil/secret` },
  { name: "the sibling by way of ..", path: () => "../w-evil/secret" },
  { name: "the sibling by an absolute path with ..", path: ({ workDir }) => `${workDir}/../w-evil/secret` },
  { name: "another case", path: ({ outer }) => join(outer, "W/secret") },
  { name: "dots among the names", path: ({ workDir }) => `${workDir}/./../secret` },
  { name: "two slashes first", path: ({ outer }) => `/${outer}/secret` },
  { name: "an absolute path", path: ({ outer }) => join(outer, "secret") },
  { name: "/proc/self/root", path: ({ outer }) => `/proc/self/root${outer}/secret` },
  { name: "/proc/self/cwd", path: () => "/proc/self/cwd/package.json" },
  { name: "a home directory", path: () => "~/secret" },
  { name: "another's home directory", path: () => "~root/secret" },
  { name: "a URL", path: ({ outer }) => `file://${outer}/secret` },
  { name: "NUL", path: () => "x\0.txt" },
  { name: "a trailing dot", path: () => "../secret." },
  { name: "a trailing dot inside", path: () => "inside." },
  { name: "a trailing blank inside", path: () => "inside " },
  { name: "an overlong path", path: () => `${"a/".repeat(2048)}x` },
  { name: "an overlong name", path: () => "a".repeat(256) },
  { name: "no name", path: () => "" },
  { name: "a link to a file", path: () => "link", make: (p) => link(p, "../secret", "link") },
  { name: "a link to a directory", path: () => "link/secret", make: (p) => link(p, "..", "link") },
  { name: "a chain of links", path: () => "link0", make: (p) => chain(p, 30) },
  { name: "too long a chain", path: () => "link0", make: (p) => chain(p, 60) },
  { name: "a link to itself", path: () => "link", make: (p) => link(p, "link", "link") },
  { name: "a link to nothing yet", path: () => "link", make: (p) => link(p, "../later", "link") },
  {
    name: "a link to nothing yet, in the way",
    path: () => "link/x/y",
    make: (p) => link(p, "../later", "link"),
  },
  {
    name: "a link out in the middle",
    path: () => "a/b/secret",
    make: (p) => {
      mkdirSync(join(p.workDir, "a"));
      link(p, "../..", "a/b");
    },
  },
];

function link(place: WorkPlace, target: string, name: string): void {
  symlinkSync(target, join(place.workDir, name));
}

function chain(place: WorkPlace, length: number): void {
  for (let i = 0; i < length; i += 1)
    link(place, i === length - 1 ? "../secret" : `link${i + 1}`, `link${i}`);
}

describe.each(tools)("$tool.name", ({ tool, input }) => {
  it.each(escapes)("does not leave by $name", async ({ path, make }) => {
    const place = makeWorkPlace();
    const secrets = ["secret", "w-evil/secret", "W/secret"].map((name) => place.put(name, "SECRET"));
    make?.(place);
    const before = secrets.map((file) => ({ ino: statSync(file).ino, mtimeMs: statSync(file).mtimeMs }));
    const output = await place.call(tool, { path: path(place), ...input });
    expect(output.failed).toBe(true);
    expect(output.text).not.toMatch(/SECRET|w-evil\/secret\n/);
    expect(secrets.map((file) => ({ ino: statSync(file).ino, mtimeMs: statSync(file).mtimeMs }))).toEqual(
      before,
    );
    expect(existsSync(join(place.outer, "later"))).toBe(false);
    expect(readdirSync(place.outer).sort()).toEqual(["W", "secret", "w", "w-evil"]);
  });

  it("tells nothing of what is outside", async () => {
    const place = makeWorkPlace();
    place.put("there", "SECRET");
    link(place, "../there", "a");
    link(place, "../gone", "b");
    const answers = await Promise.all(
      ["../there", "../gone", "a", "b"].map(
        async (path) => (await place.call(tool, { path, ...input })).text,
      ),
    );
    expect(answers.map((text) => text.replace(/^\S+/, "…"))).toEqual(
      Array(4).fill("… is outside of the work_dir"),
    );
  });
});

describe("what is no file", () => {
  const specials = [
    { name: "a pipe", make: (path: string) => void execFileSync("mkfifo", [path]) },
    { name: "a socket", make: (path: string) => listen(path) },
  ];
  it.each(
    specials.flatMap((special) =>
      tools.map(({ tool, input }) => ({ ...special, tool, input, toolName: tool.name })),
    ),
  )("$toolName refuses $name at once", async ({ make, tool, input }) => {
    const place = makeWorkPlace();
    make(join(place.workDir, "special"));
    expect(await place.call(tool, { path: "special", ...input })).toMatchObject({
      failed: true,
      text: "special is not a regular file",
    });
    expect(statSync(join(place.workDir, "special")).isFile()).toBe(false);
  });

  it("grep and glob pass pipes by", async () => {
    const place = makeWorkPlace();
    execFileSync("mkfifo", [join(place.workDir, "pipe")]);
    place.put("w/x", "needle\n");
    expect((await place.call(grepTool, { pattern: "needle" })).text).toBe("x:1:needle");
  });
});

function listen(path: string): void {
  const server = createServer().listen(path);
  onTestFinished(() => void server.close());
}

describe("while another process swaps what a name means", () => {
  // `name` is in turn what it should be and a symbolic link out; renaming makes the change atomic.
  const swapper = `
    const fs = require("node:fs");
    const [workDir, name, kind] = process.argv.slice(1);
    process.chdir(workDir);
    for (let i = 0; ; i += 1) {
      try { fs.renameSync(name, "parked"); } catch {}
      try { fs.symlinkSync(kind === "file" ? "../secret" : "../outside", name); } catch {}
      try { fs.unlinkSync(name); } catch {}
      try { fs.renameSync("parked", name); } catch {}
      if (i === 10) fs.writeFileSync("../swapping", "");
    }
  `;

  function swap(place: WorkPlace, name: string, kind: string): ChildProcess {
    const child = spawn(process.execPath, ["-e", swapper, place.workDir, name, kind], { stdio: "inherit" });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  }

  it.each([
    { kind: "file", name: "name", path: "name" },
    { kind: "directory", name: "dir", path: "dir/secret" },
  ])(
    "a $kind: nothing is read from, or written, outside",
    async ({ kind, name, path }) => {
      const place = makeWorkPlace();
      const secret = place.put("secret", "SECRET");
      const outside = place.put("outside/secret", "SECRET");
      place.put(`w/${path}`, "inside");
      swap(place, name, kind);
      await expect.poll(() => existsSync(join(place.outer, "swapping")), { timeout: 10_000 }).toBe(true);
      let reached = 0;
      for (let i = 0; i < 3_000; i += 1) {
        const read = await place.call(readTool, { path });
        const write = await place.call(writeTool, { path, content: "inside" });
        const edit = await place.call(editTool, { path, old_string: "SECRET", new_string: "inside" });
        for (const { text } of [read, write]) expect(text).not.toContain("SECRET");
        expect(edit.failed).toBe(true);
        if (!read.failed || !write.failed) reached += 1;
      }
      expect(reached).toBeGreaterThan(0);
      expect(readFileSync(secret, "utf8")).toBe("SECRET");
      expect(readFileSync(outside, "utf8")).toBe("SECRET");
      expect(readdirSync(join(place.outer, "outside"))).toEqual(["secret"]);
      expect(readdirSync(place.outer).sort()).toEqual(["outside", "secret", "swapping", "w"]);
    },
    60_000,
  );
});

it("reads a hard link, which is a file of the work_dir, but never writes to the other name", async () => {
  const place = makeWorkPlace();
  const other = place.put("other", "text");
  linkSync(other, join(place.workDir, "linked"));
  expect((await place.call(editTool, { path: "linked", old_string: "text", new_string: "new" })).failed).toBe(
    false,
  );
  expect(readFileSync(other, "utf8")).toBe("text");
});
