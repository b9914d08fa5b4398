import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { bashTool } from "../../../src/tools/bash.js";
import { globTool } from "../../../src/tools/glob.js";
import { readTool } from "../../../src/tools/read.js";
import { chooseSandbox } from "../../../src/tools/sandbox/choose-sandbox.js";
import { findBwrap } from "../../../src/tools/sandbox/probe-sandbox.js";
import { writeTool } from "../../../src/tools/write.js";
import { makeWorkPlace } from "../work-place.js";
import { whyNoSandbox } from "./bwrap-place.js";

/** A PATH with nothing but a `bwrap` that does what it is told, or without one. */
function makePath(script?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "agentry-path-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "bin"));
  if (script !== undefined) {
    writeFileSync(join(folder, "bin/bwrap"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, "bin/bwrap"), 0o755);
  }
  vi.stubEnv("PATH", join(folder, "bin"));
  onTestFinished(() => void vi.unstubAllEnvs());
  return folder;
}

const options = (folder: string) => ({ stateDir: join(folder, "state"), hidden: [], programs: [] });

const broken = [
  { name: "there is none", script: undefined, why: "bubblewrap (bwrap) is not installed" },
  {
    name: "it may make no user namespaces",
    script: "echo 'bwrap: No permissions to create new namespace' >&2; exit 1",
    why: "this system lets no user namespaces be made",
  },
  {
    name: "it is too old",
    script: "echo 'bwrap: Unknown option --disable-userns' >&2; exit 1",
    why: "0.8 or later",
  },
  { name: "it runs nothing", script: "exit 0", why: "it ended with 0" },
];

it.each(broken)("auto without a sandbox, because $name, says so", async ({ script, why }) => {
  const folder = makePath(script);
  const { sandbox, warning } = await chooseSandbox("auto", options(folder));
  onTestFinished(() => sandbox.close());
  expect(sandbox.name).toBe("none");
  expect(sandbox.confines ?? false).toBe(false);
  expect(warning).toContain(why);
  expect(sandbox.mustAsk).toBe(true);
  expect(warning).toMatch(/^there is no sandbox: .*approval.*call this server.*bubblewrap.*--sandbox off/);
});

it.each(broken)(
  "required without a sandbox, because $name, refuses every tool with the reason",
  async ({ script, why }) => {
    const folder = makePath(script);
    const { sandbox, warning } = await chooseSandbox("required", options(folder));
    expect(warning).toContain(why);
    expect(sandbox.name).toBe("none");
    writeFileSync(join(folder, "file"), "CONTENT");
    const context = { ...makeWorkPlace().context, workDir: folder, sandbox };
    const calls = [
      { tool: bashTool, input: { command: "touch made" } },
      { tool: readTool, input: { path: "file" } },
      { tool: writeTool, input: { path: "made", content: "x" } },
      { tool: globTool, input: { pattern: "**" } },
    ];
    for (const { tool, input } of calls) {
      const output = await tool.run(input, context, new AbortController().signal);
      expect(output.failed).toBe(true);
      expect(output.text).toContain("--sandbox required");
      expect(output.text).toContain(why);
      expect(output.text).not.toContain("CONTENT");
    }
  },
);

it("off is none, without a warning", async () => {
  const { sandbox, warning } = await chooseSandbox("off", options(makePath()));
  expect([sandbox.name, sandbox.mustAsk, warning]).toEqual(["none", undefined, undefined]);
  await sandbox.close();
});

it.skipIf(whyNoSandbox).each(["auto", "required"] as const)("%s is bwrap where that works", async (mode) => {
  const folder = mkdtempSync(join(tmpdir(), "agentry-choose-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { sandbox, warning } = await chooseSandbox(mode, options(folder));
  expect([sandbox.name, warning]).toEqual(["bwrap", undefined]);
  await sandbox.close();
});

it("finds the first bwrap on the path, but prefers the system's own", () => {
  const folder = makePath("exit 0");
  expect(findBwrap()).toBe(join(folder, "bin/bwrap"));
  expect(findBwrap("/nowhere")).toBeUndefined();
  if (whyNoSandbox === undefined) expect(findBwrap(`${folder}/bin:/usr/bin`)).toBe("/usr/bin/bwrap");
});
