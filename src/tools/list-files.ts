import type { ToolContext } from "../core/tool.js";
import type { Search } from "./ripgrep.js";
import { escapeGlob, runRipgrep } from "./ripgrep.js";
import { runFileOperation } from "./run-file-operation.js";
import { showName } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";
import { realWorkDir } from "./work-path.js";

/** Where to search: a directory of the working directory, or one file. */
export interface SearchPlace {
  /** The working directory, absolute and without symbolic links. */
  readonly root: string;
  /** Below it, with `/`; empty for itself. */
  readonly relative: string;
  readonly isDirectory: boolean;
  /** As an argument of ripgrep that runs in the working directory; it is never a flag. */
  readonly argument: string;
}

/**
 * The place a model named, by default the working directory: decided where the search is done, in the sandbox.
 * Throws a `ToolFailure` when it is not there.
 */
export async function findSearchPlace(
  context: ToolContext,
  name: string,
  signal: AbortSignal,
): Promise<SearchPlace> {
  const root = await realWorkDir(context.workDir);
  // That one is known, and looking would take longer than many a search.
  if (name === ".") return { root, relative: "", isDirectory: true, argument: "./" };
  const work = { operation: "locate", request: { path: name } } as const;
  const { text, place } = await runFileOperation(work, context, signal);
  if (place === undefined || !isBelowTop(place)) throw new ToolFailure(`${showName(name)} was not found`);
  return { root, relative: place, isDirectory: text === "directory", argument: `./${place}` };
}

/** Whether what a process of the sandbox has answered is such a path. */
function isBelowTop(path: string): boolean {
  return !path.startsWith("/") && !path.includes("\0") && !path.split("/").includes("..");
}

/**
 * A pattern as a glob that begins at the working directory, where the model meant it to begin at `place`.
 * An absolute pattern must be below the working directory, given by its real path or as `workDir`. Throws
 * a `ToolFailure` for one that leads out of it.
 */
export function anchorGlob(pattern: string, place: SearchPlace, workDir: string): string {
  if (pattern.includes("\0")) throw new ToolFailure("pattern must not hold the character NUL");
  if (pattern.split("/").includes("..")) throw new ToolFailure("pattern must not lead out of the work_dir");
  for (const root of [place.root, workDir]) {
    if (pattern.startsWith(`${root}/`)) return pattern.slice(root.length);
  }
  if (pattern.startsWith("/")) throw new ToolFailure(`${pattern} is outside of the work_dir`);
  const folder = place.relative === "" ? "" : `/${escapeGlob(place.relative)}`;
  return `${folder}/${pattern.replace(/^(\.\/)+/, "")}`;
}

/** A list to make. */
export interface Listing extends Pick<Search, "context" | "deadline"> {
  readonly place: SearchPlace;
  /** A glob in the sense of .gitignore; empty for all files. */
  readonly glob: string;
}

/** The files found, relative to the working directory, newest first. */
export interface FileList {
  readonly names: readonly string[];
  /** There were too many to look at all. */
  readonly truncated: boolean;
  readonly timedOut: boolean;
  readonly complaint: string;
}

/** Names kept in memory while searching. */
const mostNames = 200_000;

/**
 * The files that match a glob and that no ignore file hides. A glob on ripgrep's command line overrules
 * ignore files; so those it matches are listed first, and kept where a list without it has them as well.
 */
export async function listFiles(listing: Listing, signal: AbortSignal): Promise<FileList> {
  const matched = await listNames(listing, signal);
  if (listing.glob === "" || matched.names.length === 0 || matched.timedOut) return matched;
  const candidates = new Set(matched.names);
  const visible = new Set<string>();
  const all = await listNames({ ...listing, glob: "" }, signal, (name) => {
    if (candidates.has(name)) visible.add(name);
    return false;
  });
  return {
    names: matched.names.filter((name) => visible.has(name)),
    truncated: matched.truncated,
    timedOut: all.timedOut,
    complaint: matched.complaint || all.complaint,
  };
}

async function listNames(
  { context, deadline, place, glob }: Listing,
  signal: AbortSignal,
  isKept?: (name: string) => boolean,
): Promise<FileList> {
  const names: string[] = [];
  // Sorting costs ripgrep its threads; where only names are looked up there is no need of it.
  const order = isKept === undefined ? ["--sortr=modified"] : [];
  const end = await runRipgrep(
    {
      context,
      deadline,
      root: place.root,
      separator: "\0",
      args: ["--files", ...order, ...(glob === "" ? [] : [`--glob=${glob}`]), "--", place.argument],
      onRecord(record) {
        const name = record.replace(/^\.\//, "");
        if (isKept === undefined || isKept(name)) names.push(name);
        return names.length < mostNames;
      },
    },
    signal,
  );
  return { names, truncated: names.length >= mostNames, ...end };
}
