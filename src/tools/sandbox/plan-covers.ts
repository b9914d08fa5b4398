import type { Stats } from "node:fs";
import { lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Cover } from "./bwrap-arguments.js";
import type { Repository } from "./git-configuration.js";
import { placesOfConfiguration } from "./git-configuration.js";
import { linksOnWay } from "./links-on-way.js";
import {
  privateNames,
  protectedAtHome,
  protectedInGit,
  protectedNames,
  redirectionsInGit,
} from "./protected-paths.js";
import { readStart } from "./read-start.js";
import { isBelow } from "./work-folder.js";

/** What has to be laid over a working directory, and what has to be looked after around a call. */
export interface CoverPlan {
  readonly covers: readonly Cover[];
  /** Missing directories to make for the time of the call: places for covers. */
  readonly missing: readonly string[];
  /** Names that cannot be covered: what they were before the call, they must be after it. */
  readonly watched: readonly WatchedName[];
}

/** A name that is absent, or a symbolic link with this text. */
export interface WatchedName {
  readonly path: string;
  readonly link: string | undefined;
}

/** What a plan is made of. */
export interface CoverRequest {
  /** Its real path. */
  readonly workDir: string;
  readonly writable: boolean;
  /** The home directory of the server's user, by its real path. */
  readonly home: string | undefined;
  /** What nothing may see, the server's state: real paths, and links that lead there. */
  readonly hidden: readonly string[];
  /** Paths named `.git` further down. Default: none. */
  readonly repositories?: readonly string[];
}

/**
 * Plans what protects a working directory: the state of the server and private files of the user are hidden,
 * names that make the user's programs run something are fixed, missing ones are made unmakeable.
 */
export function planCovers(request: CoverRequest): CoverPlan {
  const plan: Plan = { covers: [], missing: [], watched: [], pointers: [], repositories: [] };
  const { workDir, home } = request;
  for (const path of request.hidden) hide(plan, request, path);
  const ownHome = home !== undefined && (home === workDir || isBelow(workDir, home)) ? home : undefined;
  if (ownHome !== undefined) {
    for (const name of privateNames) hide(plan, request, join(ownHome, name));
  }
  if (request.writable) {
    for (const name of protectedNames) protect(plan, request, join(workDir, name));
    if (ownHome !== undefined) {
      const names = ownHome === workDir ? protectedAtHome : [...protectedNames, ...protectedAtHome];
      for (const name of names) protectPlace(plan, request, join(ownHome, name));
    }
    for (const git of request.repositories ?? []) protectNested(plan, request, git);
    for (const file of plan.pointers) protectTarget(plan, request, file);
    for (const repository of plan.repositories) {
      for (const path of placesOfConfiguration({ ...repository, home })) protectPlace(plan, request, path);
    }
  }
  const { missing, watched } = plan;
  return { covers: withoutCovered(plan.covers), missing, watched };
}

interface Plan {
  readonly covers: Cover[];
  readonly missing: string[];
  readonly watched: WatchedName[];
  /** Files named `.git`. */
  readonly pointers: string[];
  readonly repositories: Omit<Repository, "home">[];
}

function hide(plan: Plan, request: CoverRequest, path: string): void {
  if (!isBelow(request.workDir, path)) return;
  const stats = lstat(path);
  if (stats === undefined) return;
  // A link is covered where it leads, if that can be seen at all, and leads there after the call as well.
  if (stats.isSymbolicLink()) {
    pinParents(plan, request, path);
    if (request.writable) plan.watched.push({ path, link: readlinkSync(path) });
    const real = realPath(path);
    if (real !== undefined && real !== path) hide(plan, request, real);
    return;
  }
  pinParents(plan, request, path);
  plan.covers.push({ path, kind: stats.isDirectory() ? "empty" : "blank" });
}

function protect(plan: Plan, request: CoverRequest, path: string): void {
  const stats = lstat(path);
  if (stats === undefined || isEmptyFolder(path, stats)) {
    if (stats === undefined || isLeftover(stats)) plan.missing.push(path);
    plan.covers.push({ path, kind: "empty" });
  } else if (stats.isSymbolicLink()) {
    plan.watched.push({ path, link: readlinkSync(path) });
    const real = realPath(path);
    if (real !== undefined && isBelow(request.workDir, real)) fix(plan, request, real);
  } else if (path.endsWith("/.git") && stats.isDirectory()) {
    protectGit(plan, path, dirname(path));
  } else {
    plan.covers.push({ path, kind: "fixed" });
    if (path.endsWith("/.git")) plan.pointers.push(path);
  }
}

/** Unlike at the top, nothing is put where there is none: whoever makes a repository there may do with it as he likes. */
function protectNested(plan: Plan, request: CoverRequest, git: string): void {
  const stats = lstat(git);
  if (stats === undefined || isEmptyFolder(git, stats)) return;
  pinParents(plan, request, git);
  protect(plan, request, git);
}

/**
 * What a file `.git` leads to, in a submodule or another worktree: gitrepository-layout(5). Those of a
 * repository that is protected lie in it.
 */
function protectTarget(plan: Plan, request: CoverRequest, file: string): void {
  const [, target] = /^gitdir: (.+)/.exec(readStart(file, longestPointer)) ?? [];
  const real = target === undefined ? undefined : realPath(resolve(dirname(file), target.trim()));
  if (real === undefined || !isBelow(request.workDir, real) || !lstat(real)?.isDirectory()) return;
  const isCovered = plan.covers.some(
    ({ path, kind }) => path === real || (kind !== "pin" && isBelow(path, real)),
  );
  if (isCovered) return;
  pinParents(plan, request, real);
  protectGit(plan, real, dirname(file));
}

function fix(plan: Plan, request: CoverRequest, path: string): void {
  pinParents(plan, request, path);
  plan.covers.push({ path, kind: "fixed" });
}

function protectGit(plan: Plan, git: string, tree: string): void {
  plan.repositories.push({ git, tree });
  plan.covers.push({ path: git, kind: "pin" });
  for (const name of protectedInGit) {
    const path = join(git, name);
    const stats = lstat(path);
    if (stats?.isSymbolicLink()) plan.watched.push({ path, link: readlinkSync(path) });
    else if (stats !== undefined && !isLeftover(stats)) plan.covers.push({ path, kind: "fixed" });
    else {
      plan.missing.push(path);
      plan.covers.push({ path, kind: "empty" });
    }
  }
  for (const name of redirectionsInGit) {
    const path = join(git, name);
    if (lstat(path) === undefined) plan.watched.push({ path, link: undefined });
    else plan.covers.push({ path, kind: "fixed" });
  }
}

/** A place that a configuration leads to, or the first part of the way there that is missing. */
function protectPlace(plan: Plan, request: CoverRequest, place: string): void {
  let path = place;
  while (lstat(dirname(path)) === undefined && dirname(path) !== path) path = dirname(path);
  const parent = realPath(dirname(path));
  const real = parent === undefined ? undefined : join(parent, basename(path));
  if (real === undefined || !isBelow(request.workDir, real)) return;
  for (const link of linksOnWay(dirname(path))) {
    if (isBelow(request.workDir, link)) plan.watched.push({ path: link, link: readlinkSync(link) });
  }
  pinParents(plan, request, real);
  protect(plan, request, real);
}

/** Whoever may rename a directory above a cover moves the cover away with it. */
function pinParents(plan: Plan, { workDir, writable }: CoverRequest, path: string): void {
  if (!writable) return;
  for (let at = dirname(path); isBelow(workDir, at); at = dirname(at)) {
    if (!plan.covers.some((cover) => cover.path === at)) plan.covers.push({ path: at, kind: "pin" });
  }
}

/**
 * One cover for a path: the first closed one, for hiding comes first. What is below something hidden needs
 * none and would have no place for it; below something fixed, things can still be hidden.
 */
function withoutCovered(covers: readonly Cover[]): Cover[] {
  const closed = covers.filter(({ kind }) => kind !== "pin");
  const isNeedless = ({ path, kind }: Cover, other: Cover): boolean =>
    isBelow(other.path, path) && (other.kind !== "fixed" || kind === "fixed" || kind === "pin");
  return covers.filter((cover) => {
    const sole = closed.find(({ path }) => path === cover.path) ?? cover;
    return sole === cover && !closed.some((other) => isNeedless(cover, other));
  });
}

/** Enough for `gitdir: ` and a path. */
const longestPointer = 4_200;

/**
 * The mode of a directory that holds the place of a cover: so is one known that a dead server has left. The user may
 * write to it meanwhile; the sticky bit says nothing where nobody else may.
 */
export const holderMode = 0o1700;

function isLeftover(stats: Stats): boolean {
  return stats.isDirectory() && (stats.mode & 0o7777) === holderMode;
}

function isEmptyFolder(path: string, stats: Stats): boolean {
  try {
    return stats.isDirectory() && readdirSync(path).length === 0;
  } catch {
    return false;
  }
}

function lstat(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
