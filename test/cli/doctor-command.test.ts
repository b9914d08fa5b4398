import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { escapeChecks } from "../../src/tools/sandbox/escape-checks.js";
import { findBwrap } from "../../src/tools/sandbox/probe-sandbox.js";
import { whyNoSandbox } from "../tools/sandbox/bwrap-place.js";

const entry = join(import.meta.dirname, "../../dist/app/main.js");

function doctor(args: readonly string[], path = process.env.PATH ?? "") {
  const home = mkdtempSync(join(tmpdir(), "agentry-doctor-test-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const env = { PATH: path, HOME: home };
  const { stdout, status } = spawnSync(process.execPath, [entry, "doctor", ...args], {
    env,
    encoding: "utf8",
  });
  return { stdout, status, left: readdirSync(home) };
}

it.skipIf(whyNoSandbox)("prints what the sandbox enforces, and leaves nothing", () => {
  const { stdout, status, left } = doctor([]);
  expect(stdout).toMatch(
    /^node {6}\d+\.\d+\.\d+\nsqlite {4}\d+\.\d+\.\d+\nsandbox {3}bwrap\nhosts {5}those of allowed_hosts/,
  );
  const network = ["reach a host beyond allowed_hosts", "reach this machine by an allowed name"];
  for (const name of [...escapeChecks.map((check) => check.name), ...network])
    expect(stdout).toContain(`enforced      ${name}\n`);
  expect(status).toBe(0);
  expect(left).toEqual([]);
});

it.each([
  { mode: "required", status: 1, says: "tools do not run: bubblewrap (bwrap) is not installed" },
  { mode: "auto", status: 0, says: "there is no sandbox: bubblewrap (bwrap) is not installed" },
  { mode: "off", status: 0, says: "hosts     all: nothing confines tools\n\nnothing is enforced" },
])("with --sandbox $mode and no bubblewrap ends with $status", ({ mode, status, says }) => {
  const told = doctor(["--sandbox", mode], dirname(process.execPath));
  expect(told.stdout).toContain(says);
  expect(told.stdout).not.toContain("enforced      ");
  expect(told.status).toBe(status);
});

it.skipIf(whyNoSandbox)("says so where no user namespaces can be made", () => {
  const home = mkdtempSync(join(tmpdir(), "agentry-doctor-test-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const view = ["--bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--setenv", "HOME", home];
  const args = ["--unshare-user", "--disable-userns", ...view, process.execPath, entry, "doctor"];
  const { stdout } = spawnSync(findBwrap()!, args, { encoding: "utf8" });
  expect(stdout).toContain("sandbox   none\n");
  expect(stdout).toMatch(/there is no sandbox: \S*bwrap does not work here: .*user namespaces/);
  expect(stdout).toContain("nothing is enforced");
});
