import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { findBwrap } from "../../src/tools/sandbox/probe-sandbox.js";

const root = join(import.meta.dirname, "../..");
const entry = join(root, "dist/app/main.js");
const startLimitMs = 20_000;
const stopLimitMs = 10_000;

/** How to start a server. */
export interface ServerProcessOptions {
  /** More arguments of `serve`. */
  readonly args?: readonly string[];
  /** More environment. Of this process's own, only PATH is passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it keeps its data: give that of a stopped server to start on the same. Default: a new folder. */
  readonly dataDir?: string;
  /** A recording to answer model calls from, in place of any provider. */
  readonly cassette?: string;
}

/** A server in a process of its own. It ends with the test file, if not before. */
export interface ServerProcess {
  /** `http://HOST:PORT`. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly child: ChildProcess;
  /** Everything that it has written so far, to either output. */
  logs(): string;
  /** Sends a signal to the server alone, and settles when it has ended. Default SIGKILL: a crash. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Asks it to stop, and settles with its exit code: null when it had to be killed after ten seconds. */
  stop(): Promise<number | null>;
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();

/**
 * Starts the built server on a free port, with a data folder of its own, and waits until it says where it
 * listens. Throws, with what it has written, when it ends before that or says nothing for twenty seconds.
 */
export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  if (!existsSync(entry)) throw new Error("dist/app/main.js is missing: npm run build");
  const dataDir = options.dataDir ?? newFolder();
  const cassette = options.cassette === undefined ? [] : ["--fake", options.cassette];
  // Without one every call of a tool waits for somebody: most tests are about something else.
  const unconfined = findBwrap() === undefined ? ["--sandbox", "off"] : [];
  const given = [...cassette, ...unconfined, ...(options.args ?? [])];
  const serve = ["serve", "--port", "0", "--data-dir", dataDir, ...given];
  const child = spawn(process.execPath, [entry, ...serve], {
    cwd: dataDir,
    env: { PATH: process.env.PATH ?? "", HOME: dataDir, LANG: "C.UTF-8", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  children.add(child);
  const output = collect(child);
  const { url, port } = await listening(child, output);
  return {
    url,
    port,
    dataDir,
    child,
    logs: () => output.all,
    kill: (signal = "SIGKILL") => end(child, signal),
    stop: () => stop(child),
  };
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "agentry-test-"));
  folders.add(folder);
  return folder;
}

interface Output {
  all: string;
  stdout: string;
}

function collect(child: ChildProcess): Output {
  const output: Output = { all: "", stdout: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output.all += text;
    output.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output.all += text;
  });
  return output;
}

async function listening(child: ChildProcess, output: Output): Promise<{ url: string; port: number }> {
  const said = Promise.withResolvers<{ url: string; port: number }>();
  const fail = (why: string): void => said.reject(new Error(`the server ${why}:\n${output.all}`));
  const look = (): void => {
    const match = /^listening on (http:\/\/\S+:(\d+))$/m.exec(output.stdout.replace(/[^\n]*$/, ""));
    if (match) said.resolve({ url: match[1]!, port: Number(match[2]) });
  };
  const timer = setTimeout(
    () => fail(`did not say where it listens within ${startLimitMs} ms`),
    startLimitMs,
  );
  child.stdout?.on("data", look);
  child.once("error", (error) => fail(`did not start (${error.message})`));
  child.once("close", (code, signal) => fail(`ended early, with ${signal ?? code}`));
  try {
    return await said.promise;
  } catch (error) {
    killGroup(child);
    throw error;
  } finally {
    clearTimeout(timer);
    child.stdout?.off("data", look);
  }
}

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (ended(child)) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

async function stop(child: ChildProcess): Promise<number | null> {
  const timer = setTimeout(() => killGroup(child), stopLimitMs);
  try {
    await end(child, "SIGTERM");
  } finally {
    clearTimeout(timer);
  }
  return child.exitCode;
}

/** Ends a server with whatever it has started. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group has ended by itself.
  }
}

function cleanUp(): void {
  for (const child of children) killGroup(child);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  children.clear();
  folders.clear();
}

afterAll(cleanUp);
process.once("exit", cleanUp);
