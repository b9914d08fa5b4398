import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Machine } from "../../../src/tools/sandbox/syscall-numbers.js";
import {
  auditArch,
  missingCalls,
  numberOn,
  refusedCalls,
} from "../../../src/tools/sandbox/syscall-numbers.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

const perl = "/usr/bin/perl";
const isKnown = Object.hasOwn(auditArch, process.arch);
const present = whyNoSandbox === undefined && existsSync(perl) && isKnown;
if (!present) process.stderr.write(`system calls are not tried: ${whyNoSandbox ?? "no perl"}\n`);

/** What the kernel answers in the sandbox to each call, with arguments that mean nothing: the number of its error. */
async function tryCalls(numbers: readonly number[]): Promise<number[]> {
  const place = makeBwrapPlace();
  place.put(
    "w/try.pl",
    'for (@ARGV) { $! = 0; my $r = syscall($_, -1, -1, -1, -1, -1); print $r == -1 ? $!+0 : "ok", "\\n" }',
  );
  const { text } = await place.run(`${perl} try.pl ${numbers.join(" ")}`);
  return text.trim().split("\n").map(Number);
}

const epermNumber = 1;
const enosysNumber = 38;

describe.skipIf(!present)("the filter that a process really has", () => {
  const on = (calls: typeof refusedCalls) =>
    Object.entries(calls).flatMap(([name, numbers]) => {
      const number = numberOn(process.arch as Machine, numbers);
      return number === null ? [] : [{ name, number }];
    });

  it("refuses every call of the list with EPERM, before its arguments are looked at", async () => {
    const calls = on(refusedCalls);
    const answers = await tryCalls(calls.map(({ number }) => number));
    expect(answers).toHaveLength(calls.length);
    expect(calls.filter((_call, at) => answers[at] !== epermNumber)).toEqual([]);
  });

  it("knows nothing of io_uring", async () => {
    const calls = on(missingCalls);
    const answers = await tryCalls(calls.map(({ number }) => number));
    expect(answers).toEqual(calls.map(() => enosysNumber));
  });
});
