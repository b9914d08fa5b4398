import { chmodSync, mkdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { errorCode } from "../core/error-code.js";
import { Fault } from "../core/fault.js";

/**
 * Where the server keeps its state unless told otherwise: `$XDG_DATA_HOME/agentry`, or
 * `~/.local/share/agentry` when that is unset or, as the XDG base directory specification asks, not absolute.
 */
export function defaultDataDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const xdg = env.XDG_DATA_HOME;
  const base = xdg && isAbsolute(xdg) ? xdg : join(env.HOME || homedir(), ".local", "share");
  return join(base, "agentry");
}

/**
 * Makes sure that a directory for the server's state exists, and returns its absolute path. What it creates
 * has mode 0700 under any umask. Throws `invalid` when the path is empty or no directory, `forbidden` when the directory is another user's, or when its group
 * or others may write to it, and `unavailable` when it cannot be created.
 */
export function prepareDataDir(path: string): string {
  // An empty path would be the current directory: the likely cause is a variable that is not set.
  if (path === "") throw new Fault("invalid", "the path of the data directory is empty");
  const dir = resolve(path);
  createPrivateDir(dir);
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (!stat) throw new Fault("unavailable", `${dir} is a link to something that is not there`);
  const uid = process.getuid?.();
  if (!stat.isDirectory()) throw new Fault("invalid", `${dir} is not a directory`);
  if (uid !== undefined && stat.uid !== uid) {
    throw new Fault(
      "forbidden",
      `${dir} belongs to another user (uid ${stat.uid}): choose another data directory`,
    );
  }
  if (uid !== undefined && (stat.mode & 0o022) !== 0) {
    throw new Fault("forbidden", `other users may write to ${dir}: run chmod go-w on it`);
  }
  return dir;
}

/** Creates a directory and its missing parents, all with mode 0700. One that exists is left as it is. */
export function createPrivateDir(dir: string): void {
  if (makeDir(dir)) return;
  createPrivateDir(dirname(dir));
  // Again without it: a parent that is there and takes nothing, such as a link to nowhere.
  if (!makeDir(dir)) throw new Fault("unavailable", `cannot create ${dir}: ENOENT`);
}

/** False when its parent is missing. */
function makeDir(dir: string): boolean {
  try {
    mkdirSync(dir, { mode: 0o700 });
    // The umask may have taken bits of the owner.
    chmodSync(dir, 0o700);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" && dirname(dir) !== dir) return false;
    if (code !== "EEXIST") throw new Fault("unavailable", `cannot create ${dir}: ${code}`, {}, error);
  }
  return true;
}
