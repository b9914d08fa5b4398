import { spawn } from "node:child_process";
import { setPriority } from "node:os";
import { limits } from "./limits.js";

/** What is new or has changed below a directory. */
export interface Changes {
  readonly files: number;
  readonly bytes: number;
}

/** Bytes of a block of `%b`. */
const blockBytes = 512;

/**
 * Adds up the files and directories below a directory that were made or changed after a moment, in milliseconds since
 * 1970, on its own file system. What could be counted within `forMs`: nothing where there is no GNU find. Nothing is
 * followed, and no name is read.
 */
export async function weighChanges(directory: string, since: number, forMs: number): Promise<Changes> {
  let [files, blocks, rest] = [0, 0, ""];
  // The time of the last change of an inode, which nobody can set.
  const args = [directory, "-xdev", "-newerct", `@${since / 1_000}`, "-printf", "%b\n"];
  const find = spawn("find", args, {
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", "pipe", "ignore"],
    timeout: forMs,
    killSignal: "SIGKILL",
  });
  const ended = new Promise<void>((resolve) =>
    find.once("error", () => resolve()).once("close", () => resolve()),
  );
  if (find.pid !== undefined) setPriority(find.pid, limits.niceness);
  find.stdout.on("data", (chunk) => {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    files += lines.length;
    for (const line of lines) blocks += Number(line);
  });
  await ended;
  return { files, bytes: blocks * blockBytes };
}
