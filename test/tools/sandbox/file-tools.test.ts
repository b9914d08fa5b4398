import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ToolOutput } from "../../../src/core/tool.js";
import { createBwrapSandbox } from "../../../src/tools/sandbox/bwrap.js";
import { findBwrap } from "../../../src/tools/sandbox/probe-sandbox.js";
import { makeWorkPlace } from "../work-place.js";
import type { BwrapPlace } from "./bwrap-place.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

// The built tools: their worker is a program, which Node.js runs as it was built.
const built = join(import.meta.dirname, "../../../dist/src/tools");
const load = <T>(name: string): Promise<T> => import(join(built, name));
type BuiltinTools = typeof import("../../../src/tools/builtin-tools.js");
type ToolPrograms = typeof import("../../../src/tools/tool-programs.js");

const present = whyNoSandbox === undefined && existsSync(join(built, "file-worker.js"));
if (!present)
  process.stderr.write(
    `tests of file tools in the sandbox are skipped: ${whyNoSandbox ?? "npm run build"}\n`,
  );

async function openTools(place: BwrapPlace, hidden: string[] = []) {
  const { builtinTools } = await load<BuiltinTools>("builtin-tools.js");
  const { toolPrograms } = await load<ToolPrograms>("tool-programs.js");
  const sandbox = createBwrapSandbox({
    file: findBwrap()!,
    stateDir: join(place.outer, "state2"),
    hidden,
    programs: await toolPrograms(),
    home: place.home,
  });
  onTestFinished(() => sandbox.close());
  const tools = new Map(builtinTools().map((tool) => [tool.name, tool]));
  const { context } = makeWorkPlace();
  return (name: string, input: JsonObject, workDir = place.workDir): Promise<ToolOutput> =>
    tools.get(name)!.run(input, { ...context, workDir, sandbox }, new AbortController().signal);
}

describe.skipIf(!present)("in the sandbox", () => {
  it("no link that a running call puts in place leads outside", async () => {
    const place = makeBwrapPlace();
    const call = await openTools(place);
    place.put("outside/file", "CANARY");
    place.put("w/dir/file", "inside");
    symlinkSync(join(place.outer, "outside"), join(place.workDir, "link"));
    const stop = new AbortController();
    const swap =
      "while :; do mv -T dir x; mv -T link dir; sleep 0.01; mv -T dir link; mv -T x dir; sleep 0.01; done";
    const attack = place.run(swap, { signal: stop.signal });
    const path = "dir/file";
    const calls: [string, JsonObject][] = [
      ["read", { path }],
      ["write", { path, content: "inside" }],
      ["write", { path: "dir/new", content: "inside" }],
      ["edit", { path, old_string: "CANARY", new_string: "changed" }],
      ["grep", { pattern: "CANARY", path: "dir" }],
      ["glob", { pattern: "**/*", path: "dir" }],
    ];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      for (const [name, input] of calls)
        expect((await call(name, input)).text).not.toMatch(/\tCANARY|:CANARY/);
    }
    stop.abort();
    await attack;
    expect(readFileSync(join(place.outer, "outside/file"), "utf8")).toBe("CANARY");
    expect(readdirSync(join(place.outer, "outside"))).toEqual(["file"]);
  });

  it("files are written, read, changed and found", async () => {
    const place = makeBwrapPlace();
    const call = await openTools(place);
    expect(await call("write", { path: "src/a.txt", content: "one\ntwo\n" })).toEqual({
      text: "created src/a.txt (8 bytes)",
      failed: false,
    });
    expect(await call("edit", { path: "src/a.txt", old_string: "two", new_string: "three" })).toMatchObject({
      failed: false,
    });
    expect(await call("read", { path: "src/a.txt" })).toEqual({
      text: "     1\tone\n     2\tthree",
      failed: false,
    });
    expect(await call("read", { path: "src/a.txt", limit: 1 })).toMatchObject({ truncated: true });
    expect(await call("glob", { pattern: "**/*.txt" })).toEqual({ text: "src/a.txt", failed: false });
    expect(await call("glob", { pattern: "*.txt", path: "src" })).toEqual({
      text: "src/a.txt",
      failed: false,
    });
    for (const path of [".", "src", "./src/a.txt", `${place.workDir}/src`]) {
      expect(await call("grep", { pattern: "thr", path })).toEqual({
        text: "src/a.txt:2:three",
        failed: false,
      });
    }
    expect(await call("bash", { command: "cat src/a.txt" })).toEqual({ text: "one\nthree\n", failed: false });
    await expect.poll(() => readdirSync(place.workDir)).toEqual(["src"]);
  });

  it("images come out whole", async () => {
    const place = makeBwrapPlace();
    const call = await openTools(place);
    const png = Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      Buffer.alloc(2_000_000, 7),
    ]);
    await place.run(`base64 -d >image.png <<<"${png.subarray(0, 30_000).toString("base64")}"`);
    const { blobs } = await call("read", { path: "image.png" });
    expect(blobs?.[0]).toMatchObject({ mediaType: "image/png", name: "image.png" });
    expect(Buffer.from(blobs![0]!.data)).toEqual(png.subarray(0, 30_000));
  });

  it.each([
    { name: "read", input: { path: "missing" }, says: "missing does not exist" },
    { name: "read", input: { path: "../secret" }, says: "outside of the work_dir" },
    { name: "read", input: { path: "link" }, says: "outside of the work_dir" },
    { name: "read", input: { path: "data/key" }, says: "does not exist" },
    { name: "write", input: { path: "../new", content: "x" }, says: "outside of the work_dir" },
    { name: "write", input: { path: "data/new", content: "x" }, says: "permission denied" },
    { name: "write", input: { path: ".git/hooks/x", content: "x" }, says: "protected" },
    { name: "write", input: { path: ".mcp.json", content: "x" }, says: "protected" },
    {
      name: "edit",
      input: { path: "/etc/passwd", old_string: "root", new_string: "x" },
      says: "outside of the work_dir",
    },
    { name: "edit", input: { path: "file", old_string: "none", new_string: "x" }, says: "is not in file" },
    { name: "grep", input: { pattern: "SECRET", path: "data" }, says: "no matches" },
    { name: "grep", input: { pattern: "SECRET", path: "data/key" }, says: "does not exist" },
    { name: "grep", input: { pattern: "SECRET", path: "link" }, says: "outside of the work_dir" },
    { name: "grep", input: { pattern: "SECRET", path: "/etc" }, says: "outside of the work_dir" },
    { name: "grep", input: { pattern: "SECRET", path: "~" }, says: "must not begin with ~" },
    { name: "glob", input: { pattern: "*", path: ".." }, says: "outside of the work_dir" },
    { name: "glob", input: { pattern: "*", path: "data/key" }, says: "does not exist" },
    { name: "glob", input: { pattern: "*", path: "file" }, says: "is not a directory" },
  ])("$name $input is answered with: $says", async ({ name, input, says }) => {
    const place = makeBwrapPlace();
    place.put("secret", "SECRET-TEXT");
    place.put("w/file", "text");
    place.put("w/data/key", "SECRET-TEXT");
    symlinkSync("../secret", join(place.workDir, "link"));
    const call = await openTools(place, [join(place.workDir, "data")]);
    const { text, failed } = await call(name, input);
    expect(text).toContain(says);
    expect(failed).toBe(says !== "no matches");
    expect(text).not.toContain("SECRET-TEXT");
    expect(readFileSync(join(place.outer, "secret"), "utf8")).toBe("SECRET-TEXT");
    expect(existsSync(join(place.outer, "new"))).toBe(false);
  });
});
