import {
  chmodSync,
  lstatSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { dirname } from "node:path";
import { errorCode } from "../../core/error-code.js";
import { newId } from "../../core/id.js";
import type { HeldFolder } from "./hold-folder.js";
import type { WatchedName } from "./plan-covers.js";

/** What names are to be, and how many calls rely on that. */
const known = new Map<string, { readonly link: string | undefined; users: number }>();

/**
 * Notes what names are before a call. While calls that began earlier are running, what those found holds: they may
 * have put something else there since. To be followed by `restoreNames`.
 */
export function rememberNames(names: readonly WatchedName[]): void {
  for (const { path, link } of names) {
    const name = known.get(path) ?? { link, users: 0 };
    name.users += 1;
    known.set(path, name);
  }
}

/**
 * Makes names what they were, after a call. A directory in the place of one is put aside, under another name. What
 * cannot be changed stays: a file system that has become read-only, say.
 */
export function restoreNames(names: readonly WatchedName[], folder: HeldFolder): void {
  for (const { path } of names) {
    const name = known.get(path);
    if (name === undefined) continue;
    name.users -= 1;
    if (name.users === 0) known.delete(path);
    folder.at(path, (place) => restoreAnyway(place, name.link));
  }
}

function restoreAnyway(place: string, link: string | undefined): void {
  try {
    restore(place, link);
  } catch (error) {
    if (errorCode(error) !== "EACCES") return;
    retry(place, link);
  }
}

/** A call that took the right to write from a directory of the user has not made its links stay by that. */
function retry(place: string, link: string | undefined): void {
  try {
    const parent = dirname(place);
    chmodSync(parent, (statSync(parent).mode & 0o7777) | 0o700);
    restore(place, link);
  } catch {
    // It is another user's.
  }
}

function restore(place: string, link: string | undefined): void {
  const stats = lstatSync(place, { throwIfNoEntry: false });
  if (link === undefined && stats === undefined) return;
  if (link !== undefined && stats?.isSymbolicLink() && readlinkSync(place) === link) return;
  if (stats?.isDirectory()) putAside(place);
  else if (stats !== undefined) unlinkSync(place);
  if (link !== undefined) symlinkSync(link, place);
}

/** Others may be changing what is in it: whoever removed that, name by name, could be led elsewhere. */
function putAside(place: string): void {
  try {
    rmdirSync(place);
  } catch {
    renameSync(place, `${place}.replaced-${newId()}`);
  }
}
