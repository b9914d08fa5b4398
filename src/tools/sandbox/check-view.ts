import type { BigIntStats } from "node:fs";
import { lstatSync } from "node:fs";
import { Fault } from "../../core/fault.js";
import type { Cover } from "./bwrap-arguments.js";
import type { HeldFolder } from "./hold-folder.js";

const complaint = "the working directory, or something in it, was replaced while the call began";

/**
 * The beginning of a command line that goes on with the rest of it only when the directory and its places are what
 * they were when the view was planned. Bubblewrap finds them by their names, follows links, and could be led
 * anywhere by whoever changes these meanwhile; of what it has found, nobody can change the place any more. Throws an
 * `unavailable` Fault where something is not there even now.
 */
export function checkView(workDir: string, covers: readonly Cover[], folder: HeldFolder): string[] {
  const places = covers.filter(({ kind }) => kind === "pin" || kind === "fixed").map(({ path }) => path);
  const ids = [folder.stats(), ...places.map((path) => folder.at(path, lookAt))].map(idOf);
  const paths = [workDir, ...places];
  const shown = paths.map((_path, index) => `"\${${index + 2}}"`).join(" ");
  const script = `[ "$(PATH=/usr/bin:/bin stat -c %d:%i -- ${shown})" = "$1" ] || { echo "${complaint}" >&2; exit 126; }
shift ${paths.length + 1}
exec "$@"`;
  return ["/bin/sh", "-c", script, "sh", ids.join("\n"), ...paths];
}

function lookAt(place: string): BigIntStats {
  return lstatSync(place, { bigint: true });
}

function idOf(stats: BigIntStats | undefined): string {
  if (stats === undefined) throw new Fault("unavailable", complaint);
  return `${stats.dev}:${stats.ino}`;
}
