import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, expect, it } from "vitest";
import { inheritedDescriptors } from "../../../src/tools/sandbox/inherited-descriptors.js";
import type { LimitedProcess, ReadyShells } from "../../../src/tools/sandbox/ready-shells.js";
import { createReadyShells } from "../../../src/tools/sandbox/ready-shells.js";

/** Groups given out and not given back. */
let groups = 0;
let opened: ReadyShells[] = [];

afterEach(async () => {
  await Promise.all(opened.map((shells) => shells.close()));
  opened = [];
  expect(groups).toBe(0);
});

function open(): ReadyShells {
  const create = () => {
    groups += 1;
    return {
      doors: [],
      remove: async () => {
        groups -= 1;
      },
    };
  };
  const shells = createReadyShells({ groups: { create }, seccompFile: undefined, inherited: [] });
  opened.push(shells);
  return shells;
}

/** Runs a script to its end. */
async function run(shells: ReadyShells, script: string, input = "") {
  const started = shells.start({ file: "/bin/sh", args: ["-c", script], hasNetwork: false });
  return { pid: started.child.pid, ...(await finish(started, input)) };
}

async function finish({ child, stdin, group }: LimitedProcess, input: string) {
  const exit = once(child, "exit");
  // Not every program reads it.
  stdin.on("error", () => undefined).end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout as Readable),
    text(child.stderr as Readable),
    exit,
  ]);
  await group.remove();
  return { out, err, code };
}

it.each([
  { when: "that is new", ready: 0 },
  { when: "that was ready", ready: 1 },
])("a shell $when becomes the program, with its streams and nothing else", async ({ ready }) => {
  const shells = open();
  for (let count = 0; count < ready; count += 1) shells.refill();
  const script = "cat; echo err >&2; ls /proc/self/fd | tr '\\n' ' '; env; ulimit -c; exit 7";
  const { out, err, code } = await run(shells, script, "in\n");
  expect({ err, code }).toEqual({ err: "err\n", code: 7 });
  const [first, last, ...rest] = out.split("\n");
  expect(first).toBe("in");
  // Where bubblewrap tells of itself is the third; the fourth is the directory that `ls` reads.
  const inherited = inheritedDescriptors().map(String);
  expect(last?.split(" ").filter((word) => !inherited.includes(word))).toEqual([
    "0",
    "1",
    "2",
    "3",
    "4",
    "PWD=/",
  ]);
  expect(rest).toContain("0");
});

it("takes the one that is ready, and each for one program", async () => {
  const shells = open();
  shells.refill();
  const own = "echo $PPID $$";
  const first = await run(shells, own);
  const second = await run(shells, own);
  expect(first.out).toBe(`${process.pid} ${first.pid}\n`);
  expect(second.out).toBe(`${process.pid} ${second.pid}\n`);
  expect(second.pid).toBeGreaterThan(first.pid ?? 0);
});

it("does without one that has ended", async () => {
  const shells = open();
  shells.refill();
  const taken = shells.start({ file: "/bin/true", args: [], hasNetwork: false });
  await finish(taken, "");
  shells.refill();
  shells.refill();
  const children = await childrenOf(process.pid);
  for (const pid of children) process.kill(pid, "SIGKILL");
  await expect.poll(() => childrenOf(process.pid)).toEqual([]);
  expect(await run(shells, "echo fine")).toMatchObject({ out: "fine\n", code: 0 });
});

it("keeps a few, and ends them when it is closed", async () => {
  const shells = open();
  for (let count = 0; count < 20; count += 1) shells.refill();
  expect(groups).toBe(4);
  await shells.close();
  expect(await childrenOf(process.pid)).toEqual([]);
  shells.refill();
  expect(groups).toBe(0);
});

it("gets none ready where none can be, and says nothing", async () => {
  const create = () => {
    throw new Error("there is no room for a group");
  };
  const shells = createReadyShells({ groups: { create }, seccompFile: undefined, inherited: [] });
  expect(() => shells.refill()).not.toThrow();
  expect(() => shells.start({ file: "/bin/true", args: [], hasNetwork: false })).toThrow("no room");
  await shells.close();
});

it("gives nothing to a command that cannot be one, and goes on", async () => {
  const shells = open();
  shells.refill();
  const args = ["x".repeat(200_000)];
  expect(() => shells.start({ file: "/bin/true", args, hasNetwork: false })).toThrowError(
    expect.objectContaining({ code: "E2BIG" }),
  );
  expect(await run(shells, "echo fine")).toMatchObject({ out: "fine\n", code: 0 });
});

async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return list.trim().split(" ").filter(Boolean).map(Number);
}
