import { createHash } from "node:crypto";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { BwrapPlace } from "./bwrap-place.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

/** Names, kinds, modes and contents of everything below a folder. */
function hashTree(folder: string): string {
  const hash = createHash("sha256");
  const add = (path: string): void => {
    const stats = lstatSync(path);
    hash.update(`${path}\0${stats.mode}\0${stats.mtimeMs}\0`);
    if (stats.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (stats.isFile()) hash.update(readFileSync(path));
    else if (stats.isDirectory()) for (const name of readdirSync(path).sort()) add(join(path, name));
  };
  add(folder);
  return hash.digest("hex");
}

function outsideOf(place: BwrapPlace): string {
  place.put("outside/file", "CANARY-outside");
  place.put("w-evil/file", "CANARY-evil");
  place.put("other/session", "CANARY-other");
  mkdirSync(join(place.outer, "outside/folder"), { recursive: true });
  symlinkSync(join(place.outer, "outside"), join(place.workDir, "link"));
  symlinkSync(join(place.outer, "outside/file"), join(place.workDir, "filelink"));
  symlinkSync(join(place.outer, "outside/new"), join(place.workDir, "dangling"));
  return join(place.outer, "outside");
}

const targets = [
  "$out/file",
  "$out/new",
  "$out/folder/new",
  "$out/../w-evil/file",
  "../outside/file",
  "../w-evil/file",
  "./../outside/new",
  "link/file",
  "link/new",
  "link/folder/new",
  "filelink",
  "dangling",
  "/proc/self/root$out/file",
  "/proc/self/cwd/../outside/file",
  "/proc/1/root$out/file",
  "/proc/self/root/proc/1/root$out/new",
  "/proc/self/fd/../cwd/../outside/file",
  "//$out/file",
  "$out//file",
  "$out/./file",
  "/usr/agentry-new",
  "/usr/bin/agentry-new",
  "/usr/local/bin/agentry-new",
  "/etc/agentry-new",
  "/etc/passwd",
  "/etc/ld.so.preload",
  "/etc/cron.d/new",
  "/bin/agentry-new",
  "/lib/agentry-new",
  "/agentry-new",
  "/root-new",
  "/boot/new",
  "/sys/new",
  "/var/new",
  "/opt/new",
  "/srv/new",
  "/mnt/new",
  "/media/new",
  "/run/new",
  "/dev/new",
  "/dev/sda",
  "/dev/mem",
  "/dev/kmsg",
  "/proc/sysrq-trigger",
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/modprobe",
  "/proc/sys/vm/drop_caches",
  "/proc/self/oom_score_adj",
  "/proc/1/oom_score_adj",
  "/proc/self/uid_map",
];

describe.skipIf(whyNoSandbox)("outside of the working directory nothing is written", () => {
  it.each(targets)("by writing to %s", async (target) => {
    const place = makeBwrapPlace();
    const out = outsideOf(place);
    const before = hashTree(out) + hashTree(join(place.outer, "w-evil"));
    const { text } = await place.run(
      `out=${out}; { echo x > ${target} && echo WRITTEN; echo x >> ${target} && echo WRITTEN; rm -f ${target}; } 2>/dev/null; cat "${target}" 2>/dev/null; true`,
    );
    expect(hashTree(out) + hashTree(join(place.outer, "w-evil"))).toBe(before);
    expect(text).not.toContain("CANARY");
    if (!/link|dangling/.test(target)) expect(text).not.toContain("WRITTEN");
  });

  it.each([
    { name: "a hard link", line: "ln $out/file inside; ln /usr/bin/env inside2; ln /etc/passwd inside3; ls" },
    { name: "a rename", line: "mv link/file x; mv $out/file x; mv . ../gone; mv ../w ../gone; ls" },
    {
      name: "a symbolic link that is swapped",
      line: "for i in {1..300}; do ln -sfn $out l; echo x >l/new; ln -sfn . l; done",
    },
    {
      name: "temporary files",
      line: "TMPDIR=$out mktemp; echo x >/tmp/f; echo x >/var/tmp/f; echo x >/dev/shm/f; echo x >~/f",
    },
    {
      name: "removing the way there",
      line: "cd ..; rm -rf -- * .[!.]*; rmdir /tmp/*; cd /; rm -rf --no-preserve-root / 2>/dev/null",
    },
    {
      name: "changing modes and owners",
      line: "chmod 777 $out/file link/file /usr/bin/env; chown 1:1 /usr/bin/env; touch -d 1999-01-01 $out/file /usr/bin/env",
    },
    {
      name: "mounting over it",
      line: "mount --bind . /usr; mount -t tmpfs x $out; mount -o remount,rw /; umount -l /usr; umount .",
    },
    {
      name: "archives with absolute names",
      line: "echo x >f; tar cPf a.tar $PWD/../outside/file f; tar xPf a.tar",
    },
  ])("by $name", async ({ line }) => {
    const place = makeBwrapPlace();
    const out = outsideOf(place);
    const before = [
      hashTree(out),
      hashTree(join(place.outer, "other")),
      hashTree(place.home),
      lstatSync("/usr/bin/env").mode,
    ];
    const { text } = await place.run(`out=${out}\n(${line}) 2>&1; true`);
    expect([
      hashTree(out),
      hashTree(join(place.outer, "other")),
      hashTree(place.home),
      lstatSync("/usr/bin/env").mode,
    ]).toEqual(before);
    expect(readdirSync(place.outer).sort()).toEqual(["home", "other", "outside", "state", "w", "w-evil"]);
    expect(text).not.toContain("CANARY");
  });

  it("by a hard link that is in the working directory already, it is the file itself that is written", async () => {
    // Nothing can tell: a hard link is a file of the working directory. It has to be put there from outside.
    const place = makeBwrapPlace();
    linkSync(place.put("other", "text"), join(place.workDir, "linked"));
    await place.run("echo new >linked");
    expect(readFileSync(join(place.outer, "other"), "utf8")).toBe("new\n");
  });
});

describe.skipIf(whyNoSandbox)("a process", () => {
  it.each([
    {
      name: "leave a set-user-id program",
      line: "cp /bin/sh s; chmod u+s s || chmod 4755 s || perl -e 'chmod(04755, q(s)) or exit 1' || cp -p /usr/bin/passwd . && [ -u s -o -u passwd ]",
    },
    { name: "remount", line: "mount -o remount,rw,bind /usr" },
    { name: "mknod", line: "mknod /tmp/d b 8 0 || mknod d c 1 1" },
    { name: "unshare", line: "unshare -Ur true || unshare -m true || unshare -n true || unshare -U true" },
    { name: "nsenter", line: "nsenter -t 1 -m true || nsenter -t 1 -a true" },
    { name: "chroot", line: "chroot /usr /bin/true || chroot . true" },
    { name: "mount proc", line: "mkdir p; mount -t proc proc p" },
    {
      name: "setpriv",
      line: "setpriv --reuid 1 true || setpriv --ambient-caps +sys_admin grep 'CapEff:.*[1-9a-f]' /proc/self/status",
    },
    { name: "dmesg", line: "dmesg" },
    { name: "write core_pattern", line: "[ -w /proc/sys/kernel/core_pattern ]" },
    { name: "read a kernel core", line: "head -c 1 /proc/kcore | grep -q ." },
    { name: "kill what is outside", line: `kill -0 ${process.pid}` },
  ])("cannot $name", async ({ line }) => {
    expect((await makeBwrapPlace().run(`{ ${line}; } 2>&1`)).code).not.toBe(0);
  });

  it("has no capabilities, no way to new privileges, and a filter of system calls", async () => {
    const { text } = await makeBwrapPlace().run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
    const status = Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(/:\s+/)),
    );
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) expect(status[set]).toMatch(/^0+$/);
    expect(status).toMatchObject({ NoNewPrivs: "1", Seccomp: "2" });
  });

  it.each([
    ["ptrace", "libc.ptrace(16, 1, 0, 0)"],
    ["keyctl", "libc.syscall(NR['keyctl'], 0, -3, 0)"],
    ["bpf", "libc.syscall(NR['bpf'], 0, 0, 0)"],
    ["io_uring", "libc.syscall(425, 8, 0)"],
    ["userfaultfd", "libc.syscall(NR['userfaultfd'], 1)"],
    ["an AF_UNIX socket", "libc.socket(1, 1, 0)"],
    ["a VM socket", "libc.socket(40, 1, 0)"],
    ["a raw socket", "libc.socket(2, 3, 1)"],
    ["a packet socket", "libc.socket(17, 3, 0)"],
    ["a socket to the firewall", "libc.socket(16, 3, 12)"],
  ])("is refused %s", async (_name, call) => {
    const place = makeBwrapPlace();
    const numbers = process.arch === "arm64" ? "219,280,282" : "250,321,323";
    place.put(
      "w/call.py",
      `import ctypes\nlibc = ctypes.CDLL(None)\nNR = dict(zip(["keyctl", "bpf", "userfaultfd"], [${numbers}]))\nprint("answer", ${call})\n`,
    );
    const { text } = await place.run(
      "command -v /usr/bin/python3 >/dev/null && /usr/bin/python3 call.py || echo no python",
    );
    expect(text).toMatch(/^(answer -1|no python)\n$/);
  });
});
