import { join } from "node:path";
import { readAllowedHost } from "../../core/allowed-host.js";
import {
  privateNames,
  protectedAtHome,
  protectedInGit,
  protectedNames,
  redirectionsInGit,
} from "./protected-paths.js";
import { isBelow } from "./work-folder.js";

/** A path as it is, with no character of a pattern in it. */
interface LiteralPath {
  path: string;
  literal: true;
}

/** What a command may see and change, as the sandbox runtime takes it. */
export interface SeatbeltPolicy {
  denyRead: LiteralPath[];
  allowRead: LiteralPath[];
  allowWrite: LiteralPath[];
  denyWrite: LiteralPath[];
}

/** What a policy is made of. All paths are absolute and without symbolic links. */
export interface SeatbeltRequest {
  readonly workDir: string;
  readonly writable: boolean;
  /** The home directory of the server's user. */
  readonly home: string;
  /** What nothing may see: the server's state. */
  readonly hidden: readonly string[];
  /** What can be read and run, wherever it is. */
  readonly programs: readonly string[];
}

/** Where people have files, on macOS. */
const peoplesFolders = ["/Users", "/Volumes"];

/**
 * The policy of a command: it reads the system, and of what people have the working directory and programs alone;
 * it writes in the working directory and in the runtime's folder for temporary files. The deeper of two paths
 * decides.
 */
export function seatbeltPolicy(request: SeatbeltRequest): SeatbeltPolicy {
  const { workDir, writable, home, hidden, programs } = request;
  const isInside = (path: string): boolean => path === workDir || isBelow(workDir, path);
  const secrets = [...hidden, ...privateNames.map((name) => join(home, name)).filter(isInside)];
  const git = [...protectedInGit, ...redirectionsInGit].map((name) => join(".git", name));
  const kept = protectedNames.filter((name) => name !== ".git");
  const names = [...kept, ...git, ...(workDir === home ? protectedAtHome : [])];
  return {
    denyRead: literal([...peoplesFolders, home, ...secrets]),
    allowRead: literal([workDir, ...programs]),
    allowWrite: literal(writable ? [workDir] : []),
    denyWrite: literal([...hidden, ...names.map((name) => join(workDir, name))]),
  };
}

/** The entries of `Agent.allowed_hosts` in the runtime's language, where a name without a port means every port. */
export function runtimeHosts(entries: readonly string[]): string[] {
  return entries
    .map(readAllowedHost)
    .flatMap(({ name, subdomains, ports }) =>
      ports.map((port) => `${subdomains ? "*." : ""}${name}:${port}`),
    );
}

function literal(paths: readonly string[]): LiteralPath[] {
  return [...new Set(paths)].map((path) => ({ path, literal: true }));
}
