import type { Machine } from "./syscall-numbers.js";
import {
  auditArch,
  chmodAtCalls,
  chmodCalls,
  ioctlCall,
  missingCalls,
  numberOn,
  refusedCalls,
  socketCall,
} from "./syscall-numbers.js";

// Opcodes of classic BPF (linux/bpf_common.h) and results of a filter (linux/seccomp.h).
const loadWord = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const jumpIfAnyBit = 0x45;
const answer = 0x06;
const allow = 0x7fff0000;
const fail = 0x00050000;
const errno = { EPERM: 1, ENOSYS: 38 };

// Offsets in struct seccomp_data; the low half of an argument, on machines with the low byte first.
const numberAt = 0;
const archAt = 4;
const firstArgumentAt = 16;
const secondArgumentAt = 24;
const thirdArgumentAt = 32;

/** Above it are the calls of the x32 ABI, which have other numbers: __X32_SYSCALL_BIT. */
const x32Bit = 0x40000000;
/** IPv4 and IPv6. All others but netlink reach beyond a network namespace, or speak to servers of the host. */
const families = [2, 10];
const netlink = 16;
/** Of netlink: what network there is. The others are ways into the kernel that nobody needs without rights. */
const netlinkRoute = 0;
/** S_ISUID: a program that anybody who runs it, outside, runs as the user of the server. */
const setUserId = 0o4000;
/** TIOCSTI and TIOCLINUX type into the terminal of whoever started us. */
const terminalRequests = [0x5412, 0x541c];

type Target = "allow" | "refuse" | "missing" | "socket" | "ioctl" | "chmod" | "chmodAt";
type Step =
  | { readonly at: Target }
  | { readonly load: number }
  | { readonly ifEqual: number; readonly to: Target }
  | { readonly ifAtLeast: number; readonly to: Target }
  | { readonly ifAnyBit: number; readonly to: Target }
  | { readonly unlessEqual: number; readonly to: Target }
  | { readonly answer: number };

/**
 * A seccomp filter as `struct sock_filter[]`, for `bwrap --seccomp`: some system calls are refused, sockets
 * are only those of the internet and of netlink's routes, no file gets the set-user-id bit, everything else is
 * allowed. Undefined for a machine whose numbers are not known.
 */
export function seccompFilter(machine: string): Uint8Array | undefined {
  return machine === "x64" || machine === "arm64" ? assemble(steps(machine)) : undefined;
}

function steps(machine: Machine): Step[] {
  const calls = (table: typeof refusedCalls, to: Target): Step[] =>
    Object.values(table)
      .map((numbers) => numberOn(machine, numbers))
      .filter((number) => number !== null)
      .map((number) => ({ ifEqual: number, to }));
  return [
    { load: archAt },
    { unlessEqual: auditArch[machine], to: "refuse" },
    { load: numberAt },
    ...(machine === "x64" ? [{ ifAtLeast: x32Bit, to: "missing" } as const] : []),
    ...calls({ socketCall }, "socket"),
    ...calls({ ioctlCall }, "ioctl"),
    ...calls(chmodCalls, "chmod"),
    ...calls(chmodAtCalls, "chmodAt"),
    ...calls(refusedCalls, "refuse"),
    ...calls(missingCalls, "missing"),
    { answer: allow },
    { at: "ioctl" },
    { load: secondArgumentAt },
    ...terminalRequests.map((request): Step => ({ ifEqual: request, to: "refuse" })),
    { answer: allow },
    { at: "chmod" },
    { load: secondArgumentAt },
    { ifAnyBit: setUserId, to: "refuse" },
    { answer: allow },
    { at: "chmodAt" },
    { load: thirdArgumentAt },
    { ifAnyBit: setUserId, to: "refuse" },
    { answer: allow },
    { at: "socket" },
    { load: firstArgumentAt },
    ...families.map((family): Step => ({ ifEqual: family, to: "allow" })),
    { unlessEqual: netlink, to: "refuse" },
    { load: thirdArgumentAt },
    { ifEqual: netlinkRoute, to: "allow" },
    { at: "refuse" },
    { answer: fail | errno.EPERM },
    { at: "missing" },
    { answer: fail | errno.ENOSYS },
    { at: "allow" },
    { answer: allow },
  ];
}

/** Jumps are told as the number of instructions to skip, and only go forward. */
function assemble(program: readonly Step[]): Uint8Array {
  const targets = new Map<Target, number>();
  const instructions: Exclude<Step, { at: Target }>[] = [];
  for (const step of program) {
    if ("at" in step) targets.set(step.at, instructions.length);
    else instructions.push(step);
  }
  const bytes = Buffer.alloc(8 * instructions.length);
  for (const [index, step] of instructions.entries()) {
    const skip = "to" in step ? (targets.get(step.to) ?? 0) - index - 1 : 0;
    const [code, whenTrue, whenFalse, value] = encode(step, skip);
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(whenTrue, 8 * index + 2);
    bytes.writeUInt8(whenFalse, 8 * index + 3);
    bytes.writeUInt32LE(value, 8 * index + 4);
  }
  return bytes;
}

function encode(
  step: Exclude<Step, { at: Target }>,
  skip: number,
): readonly [code: number, whenTrue: number, whenFalse: number, value: number] {
  if ("load" in step) return [loadWord, 0, 0, step.load];
  if ("answer" in step) return [answer, 0, 0, step.answer];
  if ("ifAnyBit" in step) return [jumpIfAnyBit, skip, 0, step.ifAnyBit];
  if ("ifAtLeast" in step) return [jumpIfAtLeast, skip, 0, step.ifAtLeast];
  if ("unlessEqual" in step) return [jumpIfEqual, 0, skip, step.unlessEqual];
  return [jumpIfEqual, skip, 0, step.ifEqual];
}
