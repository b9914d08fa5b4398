import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { SystemEntry } from "./bwrap-arguments.js";

/** On systems of today links into /usr, elsewhere directories. */
const programFolders = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/** What programs look up in /etc; no passwords, no keys, no addresses of this machine. */
const configuration = [
  "ca-certificates",
  "ca-certificates.conf",
  "crypto-policies",
  "debian_version",
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
  "pki",
  "protocols",
  "services",
  "ssl/openssl.cnf",
  "timezone",
];

/** Directories of /etc with hundreds of links, too many to copy. */
const largeConfiguration = ["alternatives", "ssl/certs"];

/** Directories that are no place to work in, nor is anything below those of the second list. */
const systemFolders = ["/bin", "/boot", "/etc", "/lib", "/lib64", "/run", "/sbin", "/usr", "/var/tmp"];
const kernelFolders = ["/dev", "/proc", "/sys"];

/**
 * The parts of this system that a sandboxed process sees, those of /etc to be laid over the copy of it. Read
 * once: it does not change under a server.
 */
export function systemView(): SystemEntry[] {
  const configured = largeConfiguration.map((name) => join("/etc", name)).filter((path) => isFolder(path));
  return [
    { path: "/usr" },
    ...(existsSync("/nix/store") ? [{ path: "/nix/store" }] : []),
    ...programFolders.flatMap((name) => entryOf(`/${name}`)),
    ...configured.map((path) => ({ path })),
  ];
}

/**
 * Makes `folder` a copy of what processes may see of /etc: bound one by one, these files would cost every call
 * several milliseconds. What is missing or cannot be read is left out.
 */
export function copyConfiguration(folder: string): void {
  for (const name of largeConfiguration) mkdirSync(join(folder, name), { recursive: true });
  for (const name of configuration) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    copyEntry(join("/etc", name), join(folder, name));
  }
}

function copyEntry(from: string, to: string): void {
  try {
    const stats = lstatSync(from);
    if (stats.isSymbolicLink()) copyLink(from, to);
    else if (stats.isFile()) copyFileSync(from, to);
    else if (stats.isDirectory()) {
      mkdirSync(to, { recursive: true });
      for (const name of readdirSync(from)) copyEntry(join(from, name), join(to, name));
    }
  } catch {
    // Programs look such files up where they are, and do without where they are not.
  }
}

function copyLink(from: string, to: string): void {
  const text = readlinkSync(from);
  // Most are there from an earlier start, and the same.
  if (lstatSync(to, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(to) === text) return;
  rmSync(to, { force: true, recursive: true });
  symlinkSync(text, to);
}

/** Whether a directory, by its real path, is part of the system, so that no session may work in it. */
export function isSystemFolder(path: string): boolean {
  return (
    systemFolders.includes(path) ||
    kernelFolders.some((folder) => path === folder || path.startsWith(`${folder}/`))
  );
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function entryOf(path: string): SystemEntry[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  return stats.isSymbolicLink() ? [{ path, link: readlinkSync(path) }] : [{ path }];
}
