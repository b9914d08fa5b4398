import { randomBytes } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import type { SandboxCommand, SandboxProcess } from "../../core/sandbox.js";
import { closedRanges } from "../fetch/public-address.js";
import type { ClosableSandbox } from "./none.js";
import { createNoSandbox } from "./none.js";
import { runtimeHosts, seatbeltPolicy } from "./seatbelt-policy.js";
import { startLater } from "./start-later.js";
import { realWorkFolder } from "./work-folder.js";

/** How the sandbox is set up: as that of bubblewrap, with the same meaning. */
export interface SeatbeltOptions {
  readonly stateDir: string;
  readonly hidden: readonly string[];
  readonly programs: readonly string[];
  /** Default: `$HOME`. */
  readonly home?: string;
}

const shell = "/bin/bash";

/**
 * Confines processes on macOS with Seatbelt, as `@anthropic-ai/sandbox-runtime` writes its profiles: they read the
 * system and their working directory, write there alone, and reach allowed hosts through the runtime's proxy. Memory
 * and the number of processes are not limited. Throws an error where the optional package is not installed or does
 * not work. A process has one such sandbox.
 */
export async function openSeatbeltSandbox(options: SeatbeltOptions): Promise<ClosableSandbox> {
  const { SandboxManager: runtime } = await import("@anthropic-ai/sandbox-runtime").catch(() => {
    throw new Error("the optional package @anthropic-ai/sandbox-runtime is not installed");
  });
  const { errors } = runtime.checkDependencies();
  if (errors.length > 0) throw new Error(errors.join("; "));
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 });
  const stateDir = realpathSync(options.stateDir);
  const places = { hidden: [...options.hidden.map(realPath), stateDir], stateDir };
  const home = realPath(options.home ?? process.env.HOME ?? "/");
  // Nothing is allowed but what each command brings.
  await runtime.initialize({
    network: { allowedDomains: [], deniedDomains: [], deniedResolvedAddresses: [...closedRanges] },
    filesystem: { denyRead: [], allowWrite: [], denyWrite: [] },
  });
  const inner = createNoSandbox();
  const start = async (command: SandboxCommand, signal: AbortSignal): Promise<SandboxProcess> => {
    const filesystem = seatbeltPolicy({
      workDir: realWorkFolder(command.workDir, places),
      writable: command.readOnly !== true,
      home,
      hidden: places.hidden,
      programs: options.programs.map(realPath),
    });
    // Whoever knows it may reach what this command may: it is not to be guessed.
    const commandId = randomBytes(24).toString("base64url");
    const line = [command.file, ...command.args].map(quote).join(" ");
    const wrapped = await runtime.wrapWithSandbox(line, shell, { filesystem }, signal, { commandId });
    runtime.registerCommandNetworkLists(commandId, {
      allowedDomains: runtimeHosts(command.allowedHosts ?? []),
    });
    const forget = (): void => runtime.unregisterCommandNetworkLists(commandId);
    try {
      const started = inner.spawn({ ...command, file: shell, args: ["--norc", "-c", wrapped] }, signal);
      void started.exited.then(forget, forget);
      return started;
    } catch (error) {
      forget();
      throw error;
    }
  };
  return {
    name: "seatbelt",
    confines: true,
    spawn(command, signal) {
      signal.throwIfAborted();
      return startLater((stopped) => start(command, stopped), signal);
    },
    async close() {
      await inner.close();
      await runtime.reset();
    },
  };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
