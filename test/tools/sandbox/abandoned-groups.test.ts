import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmdirSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { removeAbandonedGroups } from "../../../src/tools/sandbox/abandoned-groups.js";
import { openControlGroups } from "../../../src/tools/sandbox/control-group.js";
import { newGroupName } from "../../../src/tools/sandbox/group-name.js";
import { findBwrap } from "../../../src/tools/sandbox/probe-sandbox.js";
import { sendSignal, startOf } from "../../../src/tools/sandbox/process-tree.js";
import { makeWorkPlace } from "../work-place.js";
import { alive } from "./alive.js";
import { whyNoSandbox } from "./bwrap-place.js";

const folder = await findFolder();
const whyNoGroups = whyNoSandbox ?? (folder === undefined ? "no control groups can be made" : undefined);
if (whyNoGroups !== undefined)
  process.stderr.write(`tests of abandoned processes are skipped: ${whyNoGroups}\n`);

/** Where control groups can be made here. */
async function findFolder(): Promise<string | undefined> {
  const groups = openControlGroups();
  const [door] = groups.create().doors;
  await groups.close();
  return groups.limitsProcesses && door !== undefined ? dirname(dirname(door)) : undefined;
}

const namespace = readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, "");
/** The process id of one that has ended, and when it started. */
const [deadPid = 0, deadStart = 0] = endedProcess();

function endedProcess(): number[] {
  const stat = execFileSync("/bin/cat", ["/proc/self/stat"], { encoding: "utf8" }).split(" ");
  return [Number(stat[0]), Number(stat[21])];
}

it("only what dead servers have left is removed", async () => {
  const { outer } = makeWorkPlace();
  const [old, young] = [`agentry-${deadPid}-old`, `agentry-${deadPid}-young`];
  const [dead, reused] = [
    `agentry-${deadPid}-${deadStart}-${namespace}-x`,
    `agentry-${process.pid}-${startOf(process.pid) - 1}-${namespace}-x`,
  ];
  const [living, named, elsewhere] = [
    `agentry-${process.pid}-x`,
    newGroupName(),
    `agentry-${deadPid}-${deadStart}-1-x`,
  ];
  const [nameless, foreign] = ["agentry-x", "other-1-x"];
  for (const name of [old, young, dead, reused, living, named, elsewhere, nameless, foreign]) {
    mkdirSync(join(outer, name));
    if (![young, dead, reused, elsewhere].includes(name)) utimesSync(join(outer, name), 1, 1);
  }
  await removeAbandonedGroups(outer);
  const kept = [old, young, dead, reused, living, named, elsewhere, nameless, foreign].filter((name) =>
    existsSync(join(outer, name)),
  );
  expect(kept).toEqual([young, living, named, elsewhere, foreign]);
  await removeAbandonedGroups("/no/such/folder");
});

describe.skipIf(whyNoGroups)("a bubblewrap that waits for one who has died", () => {
  /** Starts it in a group of this name, and kills its parent. Answers the mark on its command line. */
  async function abandon(name: string): Promise<{ readonly group: string; readonly mark: string }> {
    const group = join(folder ?? "", name);
    mkdirSync(group);
    const mark = `mark-${crypto.randomUUID()}`;
    const args = ["--unshare-all", "--ro-bind", "/", "/", "--block-fd", "0", "--info-fd", "3", "--"];
    const script = 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"';
    const child = spawn(
      "/bin/sh",
      ["-c", script, "sh", group, findBwrap() ?? "", ...args, "/bin/sh", "-c", `sleep 600; : ${mark}`],
      { stdio: ["pipe", "ignore", "inherit", "pipe"] },
    );
    await once(child.stdio[3]!, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    onTestFinished(async () => {
      // One of them may take the others along.
      for (const pid of alive(mark)) sendSignal(Number(pid), "SIGKILL");
      await expect.poll(() => isRemoved(group)).toBe(true);
      child.stdin?.destroy();
    });
    return { group, mark };
  }

  it.each([
    { name: "is ended with its server", maker: `${deadPid}-${deadStart}-${namespace}` },
    {
      name: "is ended when another process has its server's number",
      maker: `${process.pid}-${startOf(process.pid) - 1}-${namespace}`,
    },
  ])("$name", async ({ maker }) => {
    const { group, mark } = await abandon(`agentry-${maker}-${crypto.randomUUID()}`);
    expect(alive(mark).length).toBeGreaterThan(0);
    await openControlGroups().close();
    await expect.poll(() => alive(mark)).toEqual([]);
    await expect.poll(() => existsSync(group)).toBe(false);
  });

  it.each([
    { name: "lives", maker: `${process.pid}-${startOf(process.pid)}-${namespace}` },
    { name: "is of another process namespace", maker: `${deadPid}-${deadStart}-1` },
    { name: "cannot be told", maker: `${deadPid}` },
  ])("is left alone where its server $name", async ({ maker }) => {
    const { group, mark } = await abandon(`agentry-${maker}-${crypto.randomUUID()}`);
    await removeAbandonedGroups(folder ?? "");
    expect(alive(mark).length).toBeGreaterThan(0);
    expect(readFileSync(join(group, "cgroup.procs"), "utf8")).not.toBe("");
  });
});

function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
  } catch {
    // The kernel has not counted the process out yet, or it is gone.
  }
  return !existsSync(group);
}
