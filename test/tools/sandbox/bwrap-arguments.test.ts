import { describe, expect, it } from "vitest";
import type { BwrapPolicy } from "../../../src/tools/sandbox/bwrap-arguments.js";
import { bwrapArguments } from "../../../src/tools/sandbox/bwrap-arguments.js";

const policy: BwrapPolicy = {
  workDir: "/home/u/w",
  writable: true,
  home: "/home/u",
  system: [{ path: "/usr" }, { path: "/bin", link: "usr/bin" }],
  programs: ["/opt/node"],
  covers: [],
  nothing: "/s/empty-file",
  etc: "/s/etc",
  env: { PATH: "/usr/bin" },
  descriptors: { info: 3, seccomp: 4 },
  command: ["bash", "-c", "--bind / /"],
};
const line = (change: Partial<BwrapPolicy> = {}): string =>
  bwrapArguments({ ...policy, ...change }).join(" ");

it("takes everything away that can be taken away", () => {
  const start =
    "--unshare-user --unshare-all --disable-userns --cap-drop ALL --die-with-parent --new-session";
  expect(line().startsWith(start)).toBe(true);
  expect(line()).not.toMatch(/--share-net|--dev-bind|--cap-add/);
  expect(line()).toContain("--remount-ro /proc");
});

it("ends its options before the command, and the environment is only what is told", () => {
  expect(
    line().endsWith("--clearenv --setenv PATH /usr/bin --seccomp 4 --info-fd 3 -- bash -c --bind / /"),
  ).toBe(true);
});

it.each([
  { name: "the working directory is writable", change: {}, has: " --bind /home/u/w /home/u/w " },
  { name: "or not", change: { writable: false }, has: " --ro-bind /home/u/w /home/u/w " },
  { name: "the home directory is empty", change: {}, has: "--tmpfs /home/u --ro-bind /opt/node" },
  {
    name: "a program in the working directory is laid over it",
    change: { programs: ["/home/u/w/rg"] },
    has: "--bind /home/u/w /home/u/w --ro-bind /home/u/w/rg /home/u/w/rg",
  },
  { name: "the root of the view is read-only", change: {}, has: "--remount-ro / --chdir /home/u/w" },
  {
    name: "the root as working directory lies under the system",
    change: { workDir: "/" },
    has: "--bind / / --size 536870912 --tmpfs /sys",
  },
  {
    name: "without a filter there is none",
    change: { descriptors: { info: 3 } },
    has: "PATH /usr/bin --info-fd 3",
  },
])("$name", ({ change, has }) => {
  expect(line(change)).toContain(has);
});

describe("covers", () => {
  it("lie after the working directory, what is above before what is below", () => {
    const covers = [
      { path: "/home/u/w/.git/hooks", kind: "fixed" },
      { path: "/home/u/w/.git", kind: "pin" },
      { path: "/home/u/w/db", kind: "blank" },
      { path: "/home/u/w/.envrc", kind: "empty" },
    ] as const;
    expect(line({ covers })).toContain(
      "--bind /home/u/w /home/u/w --perms 0555 --size 4096 --tmpfs /home/u/w/.envrc --bind /home/u/w/.git /home/u/w/.git " +
        "--ro-bind /home/u/w/.git/hooks /home/u/w/.git/hooks --ro-bind /s/empty-file /home/u/w/db",
    );
  });
});
