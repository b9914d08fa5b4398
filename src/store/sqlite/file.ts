import { chmodSync, closeSync, fchmodSync, lstatSync, openSync, realpathSync, statfsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { errorCode } from "../../core/error-code.js";
import { Fault } from "../../core/fault.js";
import { createPrivateDir } from "../data-dir.js";

/** File systems whose locks cannot be trusted between machines (statfs magic numbers, man 2 statfs). */
const networkFileSystems = new Map([
  [0x6969n, "NFS"],
  [0x517bn, "SMB"],
  [0xfe534d42n, "SMB"],
  [0xff534d42n, "CIFS"],
  [0x5346414fn, "AFS"],
  [0x00c36400n, "Ceph"],
]);

/**
 * Makes a database file ready to be opened: creates a missing directory with mode 0700 and a missing file
 * with 0600, under any umask, and takes the rights of group and others from a file that exists. SQLite gives
 * the files it puts beside it the same mode. Returns the path with symbolic links followed, so that one
 * database has one name. Throws `unsupported` on a network file system, and `invalid` for a file with hard links.
 */
export function prepareDatabaseFile(path: string): string {
  const absolute = resolve(path);
  createPrivateDir(dirname(absolute));
  createPrivateFile(absolute);
  const real = join(realpathSync(dirname(absolute)), basename(absolute));
  const file = lstatSync(real).isSymbolicLink() ? realpathSync(real) : real;
  refuseNetworkFileSystem(file);
  refuseHardLinks(file);
  for (const suffix of ["", "-wal", "-shm"]) restrict(`${file}${suffix}`);
  return file;
}

/**
 * Creates an empty file with mode 0600, under any umask; one that exists is left alone. It never opens a file
 * that exists: closing a descriptor of it would drop the locks that this process holds on it.
 */
export function createPrivateFile(path: string): void {
  try {
    const fd = openSync(path, "wx", 0o600);
    fchmodSync(fd, 0o600);
    closeSync(fd);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOSPC") throw new Fault("exhausted", `cannot create ${path}: the disk is full`, {}, error);
    if (code !== "EEXIST") throw new Fault("unavailable", `cannot create ${path}: ${code}`, {}, error);
  }
}

function restrict(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isFile()) throw new Fault("invalid", `${path} is not a file`);
  if (process.getuid && stat.uid !== process.getuid()) {
    throw new Fault("forbidden", `${path} belongs to another user (uid ${stat.uid})`);
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(path, stat.mode & 0o700);
}

/**
 * The lock and SQLite's log lie beside the name that a file is opened by: under another name a second server would
 * see neither (https://sqlite.org/howtocorrupt.html, section 2.5).
 */
function refuseHardLinks(path: string): void {
  const { nlink } = lstatSync(path);
  if (nlink > 1)
    throw new Fault("invalid", `${path} has ${nlink} names (hard links): leave it one, or use a copy of it`);
}

function refuseNetworkFileSystem(path: string): void {
  const { type } = statfsSync(path, { bigint: true });
  const name = networkFileSystems.get(BigInt.asUintN(32, type));
  if (name) {
    throw new Fault("unsupported", `${path} is on a network file system (${name}): use a local disk`);
  }
}
