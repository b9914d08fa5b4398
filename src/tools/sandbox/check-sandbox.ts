import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BwrapOptions, BwrapSandbox } from "./bwrap.js";
import { createBwrapSandbox } from "./bwrap.js";
import type { EscapeScene } from "./escape-checks.js";
import { escapeChecks, escapeScript } from "./escape-checks.js";

/** Whether something that must not be possible is not. */
export interface SandboxFinding {
  readonly name: string;
  readonly enforced: boolean;
}

const checkMs = 30_000;

/**
 * Tries to get out of a sandbox of bubblewrap with these options, in a scene made for it, and answers what
 * was found. The working directory, the state and the place outside are temporary ones.
 */
export async function checkSandbox(options: BwrapOptions): Promise<SandboxFinding[]> {
  const folder = mkdtempSync(join(tmpdir(), "agentry-doctor-"));
  const scene = await openScene(folder);
  const hidden = [...options.hidden, join(folder, "work/state")];
  const sandbox = createBwrapSandbox({ ...options, hidden });
  try {
    const lines = new Set((await runScript(sandbox, scene)).split("\n"));
    const tried = escapeChecks.map(({ name }, index) => ({ name, enforced: lines.has(`${index} refused`) }));
    return [...tried, ...limitsOf(sandbox)];
  } finally {
    await sandbox.close();
    scene.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Told by how they are enforced: trying them would stop the machine where they are not. */
function limitsOf({ groups }: BwrapSandbox): SandboxFinding[] {
  // The kernel exempts root from the limit of processes.
  const counted = groups.limitsProcesses || process.getuid?.() !== 0;
  return [
    { name: "start processes without end", enforced: counted },
    { name: "use memory without end, by many processes", enforced: groups.limitsMemory },
    { name: "take the processor from the server, by many processes", enforced: groups.sharesProcessor },
  ];
}

async function runScript(sandbox: BwrapSandbox, scene: Scene): Promise<string> {
  const started = sandbox.spawn(
    {
      file: "bash",
      args: ["--norc", "-c", escapeScript(scene.aims)],
      workDir: scene.workDir,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: process.env.HOME ?? "/" },
    },
    AbortSignal.timeout(checkMs),
  );
  started.stdin.on("error", () => undefined).end();
  started.stderr.resume();
  let text = "";
  for await (const chunk of started.stdout) text += String(chunk);
  await started.exited.catch(() => undefined);
  return text;
}

interface Scene {
  readonly workDir: string;
  readonly aims: EscapeScene;
  close(): void;
}

async function openScene(folder: string): Promise<Scene> {
  const workDir = join(folder, "work");
  const outside = join(folder, "outside");
  for (const path of [join(workDir, "state"), outside]) mkdirSync(path, { recursive: true });
  const canary = `canary-${randomUUID()}`;
  const state = join(workDir, "state/key");
  for (const path of [state, join(outside, "canary")]) writeFileSync(path, canary);
  const victim = spawn("sleep", ["60"], { env: { CANARY: canary }, stdio: "ignore" });
  victim.on("error", () => undefined);
  const socket = join(workDir, "socket");
  const servers = [await listen({ host: "127.0.0.1", port: 0 }), await listen({ path: socket })];
  const address = servers[0]?.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    workDir,
    aims: { outside, canary, port, socket, state, node: process.execPath },
    close() {
      victim.kill("SIGKILL");
      for (const server of servers) server.close();
    },
  };
}

async function listen(where: { host: string; port: number } | { path: string }): Promise<Server> {
  const server = createServer((connection) => connection.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(where, resolve);
  await promise;
  return server;
}
