import { lstatSync, realpathSync } from "node:fs";
import { join, parse, resolve, sep } from "node:path";

/**
 * The symbolic links that are followed on the way to a path, each by the real path of its directory. Whoever
 * replaces one of them decides what the path means.
 */
export function linksOnWay(path: string): string[] {
  const absolute = resolve(path);
  const links: string[] = [];
  let at = parse(absolute).root;
  for (const name of absolute.slice(at.length).split(sep)) {
    const here = join(at, name);
    const isLink = lstatSync(here, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
    if (isLink) links.push(here);
    at = isLink ? realPath(here) : here;
  }
  return links;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
