import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { makePolicyPlace, rulesOn } from "./place.js";

const { root, workDir, decideCommand } = makePolicyPlace();
const log = join(root, "log");
const bin = join(root, "bin");
mkdirSync(bin);
for (const name of ["ls", "cat", "find", "git", "rm", "touch", "curl", "sh", "bash", "env", "grep"]) {
  writeFileSync(
    join(bin, name),
    `#!/bin/sh\nprintf '%s' "$0" >> '${log}'; printf '\\0%s' "$@" >> '${log}'; echo >> '${log}'\n`,
  );
  chmodSync(join(bin, name), 0o755);
}

/** What bash really starts for a line: the words of each program. */
function startedBy(command: string): string[][] {
  rmSync(log, { force: true });
  const options = { cwd: workDir, env: { PATH: bin }, stdio: "ignore" as const };
  try {
    execFileSync("/bin/bash", ["--norc", "-c", command], options);
  } catch {
    // What a line answers is nobody's business here.
  }
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  return lines
    .map((line) => line.split("\0"))
    .map(([program = "", ...args]) => [
      program.slice(bin.length + 1),
      ...args.filter((word) => word !== "" || args.length > 1),
    ]);
}

const allow = rulesOn(
  "bash",
  "allow",
  "ls **",
  "cat **",
  "find **",
  "git status",
  "git log -p **",
  "grep -r *",
);
const pieces = [
  "ls",
  "cat",
  "src",
  "data.txt",
  " ",
  "  ",
  "'a b'",
  '"c d"',
  "-",
  ".",
  "git status",
  "git log -p",
  "~",
  "=",
  "@",
  "%",
  "^",
  ",",
  "+",
  "!",
  ":",
  "#",
  "\\",
  "*",
  "$x",
  ";",
  "\n",
];

/** A small generator whose numbers are the same in every run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) yield state >> 8;
}

it("allows only lines of which bash starts exactly the program that they show, with the words that they show", async () => {
  const source = numbers(7);
  const next = (below: number) => (source.next().value as number) % below;
  let tried = 0;
  for (let round = 0; round < 20_000 && tried < 150; round += 1) {
    const line =
      ["ls ", "cat ", "find ", "git log -p ", "grep -r "][next(5)] +
      Array.from({ length: 1 + next(4) }, () => pieces[next(pieces.length)]).join("");
    if ((await decideCommand(line, allow)).kind !== "allow") continue;
    tried += 1;
    const shown = [...line.matchAll(/'([^']*)'|"([^"]*)"|[^ ]+/g)].map(
      ([word, single, double]) => single ?? double ?? word,
    );
    expect(startedBy(line), line).toEqual([shown]);
  }
  expect(tried).toBe(150);
});
