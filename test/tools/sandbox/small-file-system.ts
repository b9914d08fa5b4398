import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Why there are no small file systems here; undefined when there are. */
export const whyNoMount = findOut();

function findOut(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), "agentry-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "none", folder], { stdio: "ignore" });
    execFileSync("umount", ["-l", folder]);
    return undefined;
  } catch {
    return "this user may mount no file system";
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (whyNoMount !== undefined)
  process.stderr.write(`tests of small file systems are skipped: ${whyNoMount}\n`);

/** A file system of its own in memory, with these folders. It is gone when the test has ended. */
export function mountSmall(options: string, folders: readonly string[] = []): string {
  const outer = realpathSync(mkdtempSync(join(tmpdir(), "agentry-small-")));
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "none", outer]);
  onTestFinished(() => {
    execFileSync("umount", ["-l", outer]);
    rmSync(outer, { recursive: true, force: true });
  });
  for (const name of folders) mkdirSync(join(outer, name));
  return outer;
}
