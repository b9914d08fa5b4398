import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BwrapOptions, BwrapSandbox } from "./bwrap.js";
import { createBwrapSandbox } from "./bwrap.js";
import type { SandboxFinding } from "./check-sandbox.js";

/** What became of trying the proxy that leads to allowed hosts. */
export interface NetworkCheck {
  /** Why hosts cannot be allowed here. Absent: they can. */
  readonly missing?: string;
  readonly findings: readonly SandboxFinding[];
}

const checkMs = 30_000;
/** Its name is allowed and leads to this machine: no resolver is asked. */
const inner = "inner.agentry.test";

// Prints the status with which the proxy answers, for each target.
const script = (port: number): string => `
for target in other.agentry.test:443 127.0.0.1:${port} ${inner}:${port}; do
  exec 3<>"/dev/tcp/127.0.0.1/\${HTTP_PROXY##*:}" || exit 1
  printf 'CONNECT %s HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n' "$target" "$target" >&3
  read -r -u 3 _ status _ && echo "$status"
done
`;
const names = [
  "reach a host beyond allowed_hosts",
  "reach an address through the proxy",
  "reach this machine by an allowed name",
];

/**
 * Tries to get through the proxy of a sandbox of bubblewrap with these options to where it must not lead: to a
 * host that is not allowed, and to a listener of this machine. Nothing leaves the machine.
 */
export async function checkNetwork(options: BwrapOptions): Promise<NetworkCheck> {
  const folder = mkdtempSync(join(tmpdir(), "agentry-doctor-"));
  const workDir = join(folder, "work");
  mkdirSync(workDir);
  let reached = 0;
  const listener = await listen(() => {
    reached += 1;
  });
  const places = { addresses: { [inner]: ["127.0.0.1"] }, allowed: [] };
  const sandbox = createBwrapSandbox({ ...options, stateDir: join(folder, "state"), names: places });
  try {
    const statuses = (await ask(sandbox, workDir, portOf(listener))).trim().split("\n");
    if (statuses.length !== names.length) return { missing: "the proxy does not answer", findings: [] };
    const findings = names.map((name, at) => ({ name, enforced: statuses[at] === "403" && reached === 0 }));
    return { findings };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : "unknown error", findings: [] };
  } finally {
    await sandbox.close();
    listener.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ask(sandbox: BwrapSandbox, workDir: string, port: number): Promise<string> {
  const command = {
    file: "bash",
    args: ["--norc", "-c", script(port)],
    workDir,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    allowedHosts: [`${inner}:${port}`],
  };
  const started = sandbox.spawn(command, AbortSignal.timeout(checkMs));
  started.stdin.on("error", () => undefined).end();
  started.stderr.resume();
  let text = "";
  for await (const chunk of started.stdout) text += String(chunk);
  await started.exited;
  return text;
}

async function listen(onConnection: () => void): Promise<Server> {
  const server = createServer((connection) => {
    onConnection();
    connection.destroy();
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(0, "127.0.0.1", resolve);
  await promise;
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
