import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sandbox } from "../core/sandbox.js";
import { sqliteVersion } from "../store/sqlite/version.js";
import type { NetworkCheck } from "../tools/sandbox/check-network.js";
import { checkNetwork } from "../tools/sandbox/check-network.js";
import type { SandboxFinding } from "../tools/sandbox/check-sandbox.js";
import { checkSandbox } from "../tools/sandbox/check-sandbox.js";
import { chooseSandbox } from "../tools/sandbox/choose-sandbox.js";
import { findBwrap } from "../tools/sandbox/probe-sandbox.js";
import type { SandboxSettings } from "./open-sandbox.js";
import { sandboxOptions } from "./open-sandbox.js";

/** What a server of these settings would stand on. */
export interface Examination {
  readonly sqlite: string;
  /** The name of the sandbox: `bwrap`, `none`. */
  readonly sandbox: string;
  /** Why tools are not confined though somebody may think so. */
  readonly warning?: string;
  /** How tools reach the hosts that an agent may reach, or why they cannot. */
  readonly hosts: string;
  /** Empty where nothing is confined. */
  readonly findings: readonly SandboxFinding[];
}

/** Tries the sandbox that a server would choose. The data directory is neither made nor changed. */
export async function examine(settings: SandboxSettings): Promise<Examination> {
  const folder = mkdtempSync(join(tmpdir(), "agentry-doctor-"));
  try {
    const options = { ...(await sandboxOptions(settings)), stateDir: folder };
    const { sandbox, warning } = await chooseSandbox(settings.sandbox ?? "auto", options);
    await sandbox.close();
    const file = findBwrap();
    const isTried = sandbox.name === "bwrap" && file !== undefined;
    const [findings, network] = isTried
      ? await Promise.all([checkSandbox({ ...options, file }), checkNetwork({ ...options, file })])
      : [[], undefined];
    return {
      sqlite: sqliteVersion(),
      sandbox: sandbox.name,
      hosts: describeHosts(sandbox, network),
      findings: [...findings, ...(network?.findings ?? [])],
      ...(warning !== undefined && { warning }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function describeHosts({ name, confines }: Sandbox, network: NetworkCheck | undefined): string {
  if (network?.missing !== undefined) return `cannot be allowed: ${network.missing}`;
  if (network !== undefined) return "those of allowed_hosts, through a proxy of the server's own";
  if (name === "none") return confines ? "none: no tool runs" : "all: nothing confines tools";
  return "those of allowed_hosts, through the proxy of the sandbox";
}
