import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errorCode } from "../../core/error-code.js";
import { Fault } from "../../core/fault.js";

const masterKeyBytes = 32;

/**
 * The key that encrypts credentials, from `<dataDir>/master.key`. Creates it with mode 0600 where there is
 * none; the file and its name are on the disk before it returns. Throws `forbidden` when group or others may
 * read the file or it is another user's, and `unavailable` when it is not a key or cannot be read.
 */
export function openKeyFile(dataDir: string): Uint8Array {
  const path = join(dataDir, "master.key");
  try {
    return createKey(path) ?? readKey(path);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("unavailable", `cannot use ${path}: ${errorCode(error)}`, {}, error);
  }
}

/** Undefined when the file exists already. */
function createKey(path: string): Uint8Array | undefined {
  const fd = openNew(path);
  if (fd === undefined) return undefined;
  const key = randomBytes(masterKeyBytes);
  try {
    fchmodSync(fd, 0o600);
    if (writeSync(fd, key) !== key.length)
      throw new Fault("exhausted", `cannot write ${path}: the disk is full`);
    fsyncSync(fd);
  } catch (error) {
    rmSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
  syncDirectory(dirname(path));
  return key;
}

function openNew(path: string): number | undefined {
  try {
    return openSync(path, "wx", 0o600);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return undefined;
    throw error;
  }
}

function readKey(path: string): Uint8Array {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    const uid = process.getuid?.();
    if (!stat.isFile()) throw new Fault("forbidden", `${path} is not a file`);
    if (uid !== undefined && stat.uid !== uid) {
      throw new Fault("forbidden", `${path} belongs to another user (uid ${stat.uid})`);
    }
    if (uid !== undefined && (stat.mode & 0o077) !== 0) {
      throw new Fault("forbidden", `other users may read ${path}: run chmod 600 on it`);
    }
    const key = new Uint8Array(masterKeyBytes);
    if (stat.size !== masterKeyBytes || readSync(fd, key) !== masterKeyBytes) {
      throw new Fault(
        "unavailable",
        `${path} is not a key of ${masterKeyBytes} bytes: restore it from a backup`,
      );
    }
    return key;
  } finally {
    closeSync(fd);
  }
}

/** A new file is only there for good when its directory has been written as well. */
function syncDirectory(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
