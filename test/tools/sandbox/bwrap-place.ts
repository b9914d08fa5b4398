import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { SandboxExit, SandboxProcess } from "../../../src/core/sandbox.js";
import type { BwrapSandbox } from "../../../src/tools/sandbox/bwrap.js";
import { createBwrapSandbox } from "../../../src/tools/sandbox/bwrap.js";
import { findBwrap, probeSandbox } from "../../../src/tools/sandbox/probe-sandbox.js";

/** Why there are no tests with a real sandbox here; undefined when there are. */
export const whyNoSandbox = await findOut();

async function findOut(): Promise<string | undefined> {
  const file = findBwrap();
  if (process.platform !== "linux" || file === undefined) return "bubblewrap is not installed";
  const stateDir = mkdtempSync(join(tmpdir(), "agentry-probe-"));
  const sandbox = createBwrapSandbox({ file, stateDir, hidden: [], programs: [] });
  const why = await probeSandbox(sandbox);
  await sandbox.close();
  rmSync(stateDir, { recursive: true });
  return why;
}

if (whyNoSandbox !== undefined) process.stderr.write(`sandbox tests are skipped: ${whyNoSandbox}\n`);

/** What a command printed and how it ended. */
interface Outcome extends SandboxExit {
  /** Both outputs. */
  readonly text: string;
}

/** A working directory, a folder around it that nothing may reach, and a sandbox of bubblewrap. */
export interface BwrapPlace {
  readonly outer: string;
  readonly workDir: string;
  readonly stateDir: string;
  readonly home: string;
  readonly sandbox: BwrapSandbox;
  /** Writes a file below `outer`. */
  put(path: string, content: string): string;
  /** Runs a line of bash in the sandbox. */
  run(
    line: string,
    options?: { workDir?: string; signal?: AbortSignal; readOnly?: boolean },
  ): Promise<Outcome>;
}

/** Makes it; all of it is gone when the test has ended. `hidden` are paths below `outer`. */
export function makeBwrapPlace(hidden: readonly string[] = []): BwrapPlace {
  const outer = realpathSync(mkdtempSync(join(tmpdir(), "agentry-bwrap-")));
  const [workDir, stateDir, home] = [join(outer, "w"), join(outer, "state"), join(outer, "home")];
  for (const path of [workDir, home]) mkdirSync(path);
  const put = (path: string, content: string): string => {
    const full = join(outer, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    return full;
  };
  let opened: BwrapSandbox | undefined;
  const sandbox = (): BwrapSandbox => {
    opened ??= createBwrapSandbox({
      file: findBwrap()!,
      stateDir,
      hidden: hidden.map((path) => join(outer, path)),
      programs: [process.execPath],
      home,
    });
    return opened;
  };
  onTestFinished(async () => {
    await opened?.close();
    rmSync(outer, { recursive: true, force: true });
  });
  return {
    outer,
    workDir,
    stateDir,
    home,
    get sandbox() {
      return sandbox();
    },
    put,
    async run(line, options = {}) {
      const command = {
        file: "bash",
        args: ["--norc", "-c", line],
        workDir: options.workDir ?? workDir,
        env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: home, LANG: "C.UTF-8" },
        ...(options.readOnly && { readOnly: true }),
      };
      return untilEnded(sandbox().spawn(command, options.signal ?? new AbortController().signal));
    },
  };
}

/** Gives a process no input, and settles with its end and all that it has written, to either output. */
export async function untilEnded(started: SandboxProcess): Promise<Outcome> {
  started.stdin.on("error", () => undefined).end();
  let text = "";
  const read = async (stream: AsyncIterable<unknown>): Promise<void> => {
    for await (const chunk of stream) text += String(chunk);
  };
  const [exit] = await Promise.all([started.exited, read(started.stdout), read(started.stderr)]);
  return { ...exit, text };
}
