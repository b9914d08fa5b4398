import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteVersion } from "../store/sqlite/version.js";
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
    return {
      sqlite: sqliteVersion(),
      sandbox: sandbox.name,
      findings: isTried ? await checkSandbox({ ...options, file }) : [],
      ...(warning !== undefined && { warning }),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
