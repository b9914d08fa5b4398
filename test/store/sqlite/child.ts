import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

/** A program in a process of its own, that prints lines. */
export interface Child {
  readonly pid: number;
  /** What it has printed so far. */
  readonly lines: string[];
  readonly process: ChildProcess;
  /** Ends it with SIGKILL and waits for that. */
  kill(): Promise<void>;
}

const programs = join(import.meta.dirname, "programs");

/** Starts `programs/<name>.ts`; settles when it has printed its first line. */
export async function startChild(
  name: string,
  args: string[],
  { umask }: { umask?: string } = {},
): Promise<Child> {
  const hooks = `file://${join(programs, "run-typescript.mjs")}`;
  const flags = [
    "--experimental-transform-types",
    "--disable-warning=ExperimentalWarning",
    "--import",
    hooks,
  ];
  const child = spawn(process.execPath, [...flags, join(programs, `${name}.ts`), ...args], {
    env: { ...process.env, TEST_UMASK: umask },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  onTestFinished(kill);
  const output = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    output.on("line", (line) => {
      lines.push(line);
      resolve();
    });
    output.on("close", () => reject(new Error("it ended without a line")));
  });
  return { pid: child.pid ?? 0, lines, process: child, kill };
}
