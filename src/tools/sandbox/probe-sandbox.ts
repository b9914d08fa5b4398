import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Sandbox } from "../../core/sandbox.js";
import { isExecutable } from "./is-program.js";

/** Milliseconds that bubblewrap has to show that it works. */
const probeMs = 5_000;
/** The distribution's own place first: there AppArmor lets it make user namespaces. */
const usualPlace = "/usr/bin/bwrap";

/**
 * Where bubblewrap is: its usual place, where `path` (default: `$PATH`) has that folder, else the first one on
 * `path`. Undefined when there is none.
 */
export function findBwrap(path = process.env.PATH ?? ""): string | undefined {
  const found = path
    .split(delimiter)
    .map((folder) => join(folder, "bwrap"))
    .filter(isExecutable);
  return found.includes(usualPlace) ? usualPlace : found[0];
}

/** Runs `true` in a sandbox. Answers why that did not work, or undefined when it did. */
export async function probeSandbox(sandbox: Sandbox): Promise<string | undefined> {
  const workDir = mkdtempSync(join(tmpdir(), "agentry-probe-"));
  try {
    const command = { file: "/bin/sh", args: ["-c", "echo works"], workDir, env: {}, readOnly: true };
    const started = sandbox.spawn(command, AbortSignal.timeout(probeMs));
    started.stdin.on("error", () => undefined).end();
    const [stdout, stderr, { code }] = await Promise.all([
      readText(started.stdout),
      readText(started.stderr),
      started.exited,
    ]);
    if (code === 0 && stdout === "works\n") return undefined;
    return explain(stderr.trim().split("\n")[0] || `it ended with ${code}`);
  } catch (error) {
    return error instanceof Error ? error.message : "unknown error";
  } finally {
    rmSync(workDir, { recursive: true, force: true });
  }
}

function explain(complaint: string): string {
  if (complaint.includes("Unknown option")) return `${complaint}: bubblewrap 0.8 or later is needed`;
  if (/namespace|uid map|No permissions|Operation not permitted/i.test(complaint)) {
    const apparmor = existsSync("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    return `${complaint}: this system lets no user namespaces be made${apparmor ? " (see kernel.apparmor_restrict_unprivileged_userns)" : ""}`;
  }
  return complaint;
}

async function readText(stream: AsyncIterable<unknown>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}
