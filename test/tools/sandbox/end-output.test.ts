import { describe, expect, it } from "vitest";
import { runCommand } from "../../../src/tools/run-command.js";
import { makeBwrapPlace, whyNoSandbox } from "./bwrap-place.js";

const never = new AbortController().signal;

describe.skipIf(whyNoSandbox)("the output of a command", () => {
  it.each([
    { name: "nothing", command: ":", length: 0 },
    { name: "a little", command: "printf x", length: 1 },
    {
      name: "as much as a pipe holds, and then the end",
      command: "head -c 200000 /dev/zero | tr '\\0' x",
      length: 200_000,
    },
    { name: "much more", command: "head -c 5000000 /dev/zero | tr '\\0' x", length: 5_000_000 },
    { name: "on both ways", command: "printf x; head -c 100000 /dev/zero | tr '\\0' x >&2", length: 100_001 },
    {
      name: "from a child that goes on",
      command: "(printf x; exec sleep 600) & sleep 0.1; printf x",
      length: 2,
    },
  ])("is whole: $name", async ({ command, length }) => {
    const { sandbox, workDir } = makeBwrapPlace();
    const line = { file: "/usr/bin/bash", args: ["-c", command], workDir, env: { PATH: "/usr/bin:/bin" } };
    const run = async (): Promise<number> => {
      const texts: string[] = [];
      const onText = (text: string): void => void texts.push(text);
      await runCommand({ sandbox, command: line, timeoutMs: 60_000, onText }, never);
      return texts.join("").length;
    };
    // Many at the same time, so that it is read later than it is written.
    const lengths = await Promise.all(Array.from({ length: 12 }, run));
    expect(new Set(lengths)).toEqual(new Set([length]));
  });
});
