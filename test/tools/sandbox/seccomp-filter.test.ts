import { describe, expect, it } from "vitest";
import { seccompFilter } from "../../../src/tools/sandbox/seccomp-filter.js";
import { auditArch, refusedCalls } from "../../../src/tools/sandbox/syscall-numbers.js";

const allow = 0x7fff0000;
const refuse = 0x00050001;
const missing = 0x00050026;

interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args?: readonly number[];
}

/** What the kernel would do: classic BPF as far as filters use it. */
function judge(program: Uint8Array, { arch, number, args = [] }: Call): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  let value = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, yes, no, k] = [
      view.getUint16(at, true),
      view.getUint8(at + 2),
      view.getUint8(at + 3),
      view.getUint32(at + 4, true),
    ];
    if (code === 0x06) return k;
    if (code === 0x20) value = k === 0 ? number : k === 4 ? arch : (args[(k - 16) / 8] ?? 0);
    else if (code === 0x15) at += 8 * (value === k ? yes : no);
    else if (code === 0x45) at += 8 * ((value & k) === 0 ? no : yes);
    else if (code === 0x35) at += 8 * (value >= k ? yes : no);
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error("the program has no end");
}

describe.each(["x64", "arm64"] as const)("the filter of %s", (machine) => {
  const program = seccompFilter(machine)!;
  const arch = auditArch[machine];
  const isX64 = machine === "x64";
  const on = (x64: number, arm64: number): number => (isX64 ? x64 : arm64);

  it.each([
    { name: "read", number: on(0, 63), verdict: allow },
    { name: "openat", number: on(257, 56), verdict: allow },
    { name: "execve", number: on(59, 221), verdict: allow },
    { name: "clone", number: on(56, 220), verdict: allow },
    { name: "socketpair", number: on(53, 199), args: [1], verdict: allow },
    { name: "an IPv4 socket", number: on(41, 198), args: [2], verdict: allow },
    { name: "an IPv6 socket", number: on(41, 198), args: [10], verdict: allow },
    { name: "a netlink socket for routes", number: on(41, 198), args: [16, 3, 0], verdict: allow },
    { name: "a netlink socket for the firewall", number: on(41, 198), args: [16, 3, 12], verdict: refuse },
    { name: "chmod", number: on(90, 52), args: [0, 0o2755], verdict: allow },
    { name: "chmod of a set-user-id program", number: on(90, 52), args: [0, 0o4755], verdict: refuse },
    { name: "fchmod of one", number: on(91, 52), args: [3, 0o6711], verdict: refuse },
    { name: "fchmodat", number: on(268, 53), args: [0, 0, 0o755], verdict: allow },
    { name: "fchmodat of one", number: on(268, 53), args: [0, 0, 0o4000], verdict: refuse },
    { name: "fchmodat2 of one", number: 452, args: [0, 0, 0o4755, 0], verdict: refuse },
    { name: "a Unix socket", number: on(41, 198), args: [1], verdict: refuse },
    { name: "a VM socket", number: on(41, 198), args: [40], verdict: refuse },
    { name: "a packet socket", number: on(41, 198), args: [17], verdict: refuse },
    { name: "an ioctl on a file", number: on(16, 29), args: [0, 0x5401], verdict: allow },
    { name: "TIOCSTI", number: on(16, 29), args: [0, 0x5412], verdict: refuse },
    { name: "TIOCLINUX", number: on(16, 29), args: [0, 0x541c], verdict: refuse },
    { name: "io_uring_setup", number: 425, verdict: missing },
    { name: "pidfd_getfd", number: 438, verdict: refuse },
  ])("answers $name", ({ number, args, verdict }) => {
    expect(judge(program, { arch, number, ...(args && { args }) })).toBe(verdict);
  });

  it.each(Object.entries(refusedCalls))("refuses %s", (_name, numbers) => {
    const number = isX64 ? numbers[0] : numbers[1];
    if (number !== null) expect(judge(program, { arch, number })).toBe(refuse);
  });

  it("refuses the calls of another machine", () => {
    for (const other of [0x40000003, isX64 ? auditArch.arm64 : auditArch.x64]) {
      expect(judge(program, { arch: other, number: 0 })).toBe(refuse);
    }
  });

  it("has whole instructions, and no more than the kernel takes", () => {
    expect(program.length % 8).toBe(0);
    expect(program.length / 8).toBeLessThan(4096);
  });
});

it("knows no calls of the x32 ABI", () => {
  expect(judge(seccompFilter("x64")!, { arch: auditArch.x64, number: 0x40000000 + 520 })).toBe(missing);
});

it("is undefined for machines whose calls are not known", () => {
  expect(seccompFilter("riscv64")).toBeUndefined();
});
