import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll } from "vitest";

const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/**
 * A PATH with all programs but bubblewrap, whose folders are gone after the tests of the file. The first folder is
 * empty, for a test to put something there.
 */
export function pathWithoutBwrap(path = process.env.PATH ?? ""): string {
  const root = mkdtempSync(join(tmpdir(), "agentry-path-"));
  roots.push(root);
  mkdirSync(join(root, "own"));
  const folders = path.split(delimiter).map((folder, index) => {
    if (!existsSync(join(folder, "bwrap"))) return folder;
    const copy = join(root, String(index));
    mkdirSync(copy);
    const names = readdirSync(folder).filter((name) => name !== "bwrap");
    for (const name of names) symlinkSync(join(folder, name), join(copy, name));
    return copy;
  });
  return [join(root, "own"), ...folders].join(delimiter);
}
