import { limits } from "./limits.js";

/** A part of the system that every process sees. */
export type SystemEntry =
  | { readonly path: string; readonly link: string }
  | { readonly path: string; readonly link?: never };

/** Something put over a place of the working directory. */
export interface Cover {
  readonly path: string;
  /**
   * `pin`: a directory that stays writable and cannot be renamed or removed; `fixed`: it can be read only;
   * `empty`: an empty directory is there instead; `blank`: an empty file is.
   */
  readonly kind: "pin" | "fixed" | "empty" | "blank";
}

/** What a process sees and may do. All paths are absolute and without symbolic links. */
export interface BwrapPolicy {
  readonly workDir: string;
  readonly writable: boolean;
  /** Shown empty, in memory. Absent where the working directory contains it. */
  readonly home?: string;
  readonly system: readonly SystemEntry[];
  /** Files and directories outside of the working directory that can be read. */
  readonly programs: readonly string[];
  readonly covers: readonly Cover[];
  /** An empty file of the host. */
  readonly nothing: string;
  /** A directory of the host that is seen as /etc. */
  readonly etc: string;
  readonly env: Readonly<Record<string, string>>;
  /** Numbers of open descriptors. */
  readonly descriptors: { readonly seccomp?: number; readonly info: number };
  readonly command: readonly string[];
}

/**
 * The arguments of bubblewrap for a policy. Nothing is visible but what the policy names; there is no
 * network, no capability, no way to a further user namespace, and all processes end with the first one and
 * with this one.
 */
export function bwrapArguments(policy: BwrapPolicy): string[] {
  const { descriptors, env, command } = policy;
  return [
    // As root, without a user namespace of its own, what is left of the capabilities reaches the host.
    ...["--unshare-user", "--unshare-all", "--disable-userns", "--cap-drop", "ALL"],
    ...["--die-with-parent", "--new-session", "--hostname", "sandbox"],
    ...systemArguments(policy),
    ...workArguments(policy),
    ...["--chdir", policy.workDir, "--clearenv"],
    ...Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]),
    ...(descriptors.seccomp === undefined ? [] : ["--seccomp", String(descriptors.seccomp)]),
    ...["--info-fd", String(descriptors.info)],
    "--",
    ...command,
  ];
}

function systemArguments({ workDir, writable, home, system, etc }: BwrapPolicy): string[] {
  const isRoot = workDir === "/";
  return [
    // The system is then laid over it, so that it can neither be changed nor seen whole.
    ...(isRoot ? [writable ? "--bind" : "--ro-bind", "/", "/", ...memory("/sys"), ...memory("/run")] : []),
    ...["--ro-bind", etc, "/etc"],
    ...system.flatMap(({ path, link }) => {
      if (link === undefined) return ["--ro-bind", path, path];
      return isRoot ? [] : ["--symlink", link, path];
    }),
    // As root, /proc and /dev have files that anybody with that user id may write, whatever his namespace.
    ...["--proc", "/proc", "--remount-ro", "/proc"],
    ...["--dev", "/dev", ...memory("/dev/shm"), "--remount-ro", "/dev"],
    ...memory("/tmp"),
    ...(isRoot ? memory("/var/tmp") : ["--dir", "/run", "--dir", "/var", "--symlink", "../tmp", "/var/tmp"]),
    ...(home === undefined ? [] : memory(home)),
  ];
}

function workArguments(policy: BwrapPolicy): string[] {
  const { workDir, writable, programs, nothing } = policy;
  const covers = [...policy.covers].sort((a, b) => (a.path < b.path ? -1 : 1));
  const below = workDir === "/" ? "/" : `${workDir}/`;
  const [inside, outside] = [
    programs.filter((path) => path.startsWith(below)),
    programs.filter((path) => !path.startsWith(below)),
  ];
  return [
    ...outside.flatMap((path) => ["--ro-bind", path, path]),
    ...(workDir === "/" ? [] : [writable ? "--bind" : "--ro-bind", workDir, workDir]),
    ...covers.flatMap((cover) => coverArguments(cover, nothing)),
    ...inside.flatMap((path) => ["--ro-bind", path, path]),
    ...(workDir === "/" ? [] : ["--remount-ro", "/"]),
  ];
}

function coverArguments({ path, kind }: Cover, nothing: string): string[] {
  switch (kind) {
    case "pin":
      return ["--bind", path, path];
    case "fixed":
      return ["--ro-bind", path, path];
    case "empty":
      // In memory, for a bind costs several times as much. Whoever owns it may change it, for himself alone.
      return ["--perms", "0555", "--size", "4096", "--tmpfs", path];
    case "blank":
      return ["--ro-bind", nothing, path];
    default:
      return kind satisfies never;
  }
}

function memory(path: string): string[] {
  return ["--size", String(limits.memoryFileBytes), "--tmpfs", path];
}
