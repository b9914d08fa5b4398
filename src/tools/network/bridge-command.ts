import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Fault } from "../../core/fault.js";
import type { SandboxCommand } from "../../core/sandbox.js";

const program = fileURLToPath(new URL("./bridge.js", import.meta.url));

/**
 * The command as it is run in a sandbox without a network: by the bridge, which leads to the proxy through the
 * descriptor of this number. Throws an `unavailable` Fault where the bridge is not installed.
 */
export function bridgeCommand(command: SandboxCommand, descriptor: number): SandboxCommand {
  if (!existsSync(program))
    throw new Fault("unavailable", "the program that leads to allowed_hosts is not installed");
  const { file, args } = command;
  return { ...command, file: process.execPath, args: [program, String(descriptor), file, ...args] };
}
