import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** The project's root folder. */
export const root = join(import.meta.dirname, "../..");

const notCommitted = new Set(["node_modules", "dist", ".git"]);

/** Every file of the project that is committed or about to be, relative to the root, with `/` between folders. */
export function projectFiles(): string[] {
  if (existsSync(join(root, ".git"))) {
    const args = [
      "-c",
      `safe.directory=${root}`,
      "ls-files",
      "-z",
      "--cached",
      "--others",
      "--exclude-standard",
    ];
    const listed = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
    return [...new Set(listed)].filter((file) => file !== "" && isFile(join(root, file))).sort();
  }
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((file) => !file.split("/").some((part) => notCommitted.has(part)))
    .sort();
}

const isFile = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** The text of a project file. */
export const readProjectFile = (file: string): string => readFileSync(join(root, file), "utf8");
