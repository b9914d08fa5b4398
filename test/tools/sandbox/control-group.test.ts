import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { ControlGroups } from "../../../src/tools/sandbox/control-group.js";
import { openControlGroups } from "../../../src/tools/sandbox/control-group.js";

const probe = openControlGroups();
const hasGroups = probe.limitsProcesses;
await probe.close();
if (!hasGroups) process.stderr.write("tests of control groups are skipped: none can be made here\n");

function open(): ControlGroups {
  const groups = openControlGroups();
  onTestFinished(() => groups.close());
  return groups;
}

it.skipIf(!hasGroups)("a group is kept for the next call, and none is left in the end", async () => {
  const groups = openControlGroups();
  const [first, second] = [groups.create(), groups.create()];
  expect(first.doors[0]).not.toBe(second.doors[0]);
  await first.remove();
  expect(groups.create().doors).toEqual(first.doors);
  await first.remove();
  await second.remove();
  const doors = [...first.doors, ...second.doors];
  expect(doors.every((door) => existsSync(door))).toBe(true);
  await groups.close();
  expect(doors.filter((door) => existsSync(door))).toEqual([]);
});

it.skipIf(!hasGroups)("a group with a process in it is not given to another call", async () => {
  const groups = open();
  const group = groups.create();
  const script = 'for door in "$@"; do echo 0 >"$door"; done; echo in; exec sleep 60';
  const child = spawn("/bin/sh", ["-c", script, "sh", ...group.doors], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  await group.remove();
  expect(groups.create().doors[0]).not.toBe(group.doors[0]);
  child.kill("SIGKILL");
  await once(child, "exit");
  await expect.poll(() => isRemoved(group.doors[0] ?? "")).toBe(true);
});

function isRemoved(door: string): boolean {
  try {
    rmdirSync(dirname(door));
  } catch {
    // The kernel has not counted the process out yet, or it is gone.
  }
  return !existsSync(door);
}
