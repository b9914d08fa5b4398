import { cpSync, existsSync, lstatSync, mkdirSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type { SystemEntry } from "./bwrap-arguments.js";

/** On systems of today links into /usr, elsewhere directories. */
const programFolders = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/** What programs look up in /etc; no passwords, no keys, no addresses of this machine. */
const configuration = [
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "crypto-policies",
  "debian_version",
  "fonts",
  "group",
  "inputrc",
  "java",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "locale.alias",
  "locale.conf",
  "localtime",
  "magic",
  "mime.types",
  "nsswitch.conf",
  "os-release",
  "passwd",
  "perl",
  "pki",
  "protocols",
  "services",
  "ssl/certs",
  "ssl/openssl.cnf",
  "terminfo",
  "timezone",
];

/** Directories that are no place to work in, nor is anything below those of the second list. */
const systemFolders = [
  "/bin",
  "/boot",
  "/etc",
  "/lib",
  "/lib64",
  "/run",
  "/sbin",
  "/tmp",
  "/usr",
  "/var/tmp",
];
const kernelFolders = ["/dev", "/proc", "/sys"];

/** The parts of this system that a sandboxed process sees. Read once: it does not change under a server. */
export function systemView(): SystemEntry[] {
  return [
    { path: "/usr" },
    ...(existsSync("/nix/store") ? [{ path: "/nix/store" }] : []),
    ...programFolders.flatMap((name) => entryOf(`/${name}`)),
  ];
}

/**
 * Copies what processes may see of /etc into `folder`: bound one by one, these files would cost every call
 * several milliseconds. What is missing or cannot be read is left out.
 */
export function copyConfiguration(folder: string): void {
  for (const name of configuration) {
    try {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      cpSync(join("/etc", name), join(folder, name), { recursive: true, verbatimSymlinks: true });
    } catch {
      // Programs look such files up where they are, and do without where they are not.
    }
  }
}

/** Whether a directory, by its real path, is part of the system, so that no session may work in it. */
export function isSystemFolder(path: string): boolean {
  return (
    systemFolders.includes(path) ||
    kernelFolders.some((folder) => path === folder || path.startsWith(`${folder}/`))
  );
}

function entryOf(path: string): SystemEntry[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  return stats.isSymbolicLink() ? [{ path, link: readlinkSync(path) }] : [{ path }];
}
