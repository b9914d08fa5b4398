import type { SandboxCommand } from "../../core/sandbox.js";
import { bridgeCommand } from "../network/bridge-command.js";
import type { BwrapPolicy, Cover } from "./bwrap-arguments.js";
import { limits } from "./limits.js";
import { descriptors } from "./ready-shells.js";
import type { Call, CallRoom } from "./start-call.js";
import { isBelow } from "./work-folder.js";

/** What protects the working directory of a call. */
export interface View {
  readonly covers: readonly Cover[];
  /** What is to go before the command. */
  readonly check: readonly string[];
}

/** What the process of a call sees and may do. */
export function policyOf(room: CallRoom, call: Call, { covers, check }: View): BwrapPolicy {
  const { workDir } = call;
  const { home, groups, seccompFile, system, nothing, etc } = room;
  const isBridged = (call.command.allowedHosts?.length ?? 0) > 0;
  const command = isBridged ? bridgeCommand(call.command, descriptors.network) : call.command;
  const ownHome = home !== undefined && home !== workDir && !isBelow(workDir, home) && !isBelow(home, "/usr");
  return {
    workDir,
    writable: command.readOnly !== true,
    ...(ownHome && { home }),
    system,
    programs: neededPrograms(room, command),
    covers,
    nothing,
    etc,
    env: environment(command),
    descriptors: { info: descriptors.info, ...(seccompFile && { seccomp: descriptors.seccomp }) },
    command: [...check, ...(groups.limitsProcesses ? [] : countProcesses), command.file, ...command.args],
  };
}

/** Node.js, and all the programs for a command that names one of them: each one that is shown takes time. */
function neededPrograms({ programs, node }: CallRoom, { file, args }: SandboxCommand): readonly string[] {
  const others = programs.filter((path) => path !== node);
  const isNamed = others.some((path) => file.startsWith(path) || args.some((arg) => arg.includes(path)));
  return isNamed ? programs : programs.filter((path) => path === node);
}

/**
 * Where no control group counts processes, a limit does, unless for root. It is set inside, so that it counts
 * those of this user namespace alone.
 */
const countProcesses = ["/usr/bin/prlimit", `--nproc=${limits.processes}`, "--"];

function environment({ env }: SandboxCommand): Record<string, string> {
  return env.TMPDIR === undefined ? { ...env } : { ...env, TMPDIR: "/tmp" };
}
