import { Fault } from "../../core/fault.js";
import type { BwrapOptions } from "./bwrap.js";
import { createBwrapSandbox } from "./bwrap.js";
import type { ClosableSandbox } from "./none.js";
import { createNoSandbox } from "./none.js";
import { findBwrap, probeSandbox } from "./probe-sandbox.js";

/** `auto`: a sandbox where one works; `required`: no tool without one; `off`: none. */
export type SandboxMode = "auto" | "required" | "off";

/** The sandbox that was chosen, and what the people who run the server are to know about it. */
export interface SandboxChoice {
  readonly sandbox: ClosableSandbox;
  /** Absent when tools are confined, or when nobody asked for that. */
  readonly warning?: string;
}

/** Chooses a sandbox and proves that it works. Nothing takes its place in silence: a warning says so. */
export async function chooseSandbox(
  mode: SandboxMode,
  options: Omit<BwrapOptions, "file">,
): Promise<SandboxChoice> {
  if (mode === "off") return { sandbox: createNoSandbox() };
  const found = await openSandbox(options);
  if (typeof found !== "string") return { sandbox: found };
  if (mode === "required") {
    return { sandbox: createRefusal(found), warning: `tools do not run: ${found}` };
  }
  return { sandbox: { ...createNoSandbox(), mustAsk: true }, warning: unconfinedWarning(found) };
}

/** What it means that there is no sandbox, and what to do. */
function unconfinedWarning(why: string): string {
  return (
    `there is no sandbox: ${why}. Every call of a tool that runs a process or uses files or the network waits for ` +
    "an approval (GET /v1/approvals), in every approval mode, unless a rule names the tool: once allowed, it can do " +
    "all that this user can, and call this server as the user. Install bubblewrap (apt-get install bubblewrap), or " +
    "start with --sandbox off to let tools run unconfined"
  );
}

/** A sandbox that has been tried, or why there is none. */
async function openSandbox(options: Omit<BwrapOptions, "file">): Promise<ClosableSandbox | string> {
  if (process.platform === "darwin") return openOnMac(options);
  if (process.platform !== "linux") return `there is no sandbox for ${process.platform} yet`;
  const file = findBwrap();
  if (file === undefined) return "bubblewrap (bwrap) is not installed";
  const sandbox = createBwrapSandbox({ ...options, file });
  const why = await probeSandbox(sandbox);
  if (why === undefined) return sandbox;
  await sandbox.close();
  return `${file} does not work here: ${why}`;
}

async function openOnMac(options: Omit<BwrapOptions, "file">): Promise<ClosableSandbox | string> {
  try {
    const { openSeatbeltSandbox } = await import("./seatbelt.js");
    const sandbox = await openSeatbeltSandbox(options);
    const why = await probeSandbox(sandbox);
    if (why === undefined) return sandbox;
    await sandbox.close();
    return `Seatbelt does not work here: ${why}`;
  } catch (error) {
    return error instanceof Error ? error.message : "unknown error";
  }
}

/** Starts nothing, and says why. */
function createRefusal(why: string): ClosableSandbox {
  return {
    name: "none",
    confines: true,
    spawn() {
      throw new Fault("unavailable", `tools need a sandbox (--sandbox required), and ${why}`);
    },
    close: () => Promise.resolve(),
  };
}
