// Lays out the folder that the measuring programs run in: the shared ones, ours, and what they import.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";

/** Packages of the project that the programs import: one copy, the one that is shipped. */
const ours = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-node", "better-sqlite3"];

/** Returns the folder, made anew. Packages that the project itself does not have are installed once. */
export function layOut({ root, directory }) {
  const shared = join(root, "../shared/bench");
  if (!existsSync(shared)) throw new Error(`the measuring programs are missing: ${shared}`);
  const workspace = join(directory, "programs");
  const results = join(directory, "results");
  for (const folder of [workspace, results]) rmSync(folder, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  copy(shared, workspace);
  copy(join(root, "test/bench/adapters"), join(workspace, "adapters"));
  copyFile(join(root, "test/bench/long-session.mjs"), join(workspace, "long-session.mjs"));

  const packages = join(directory, "packages");
  const { dependencies } = JSON.parse(readFileSync(join(shared, "package.json"), "utf8"));
  install(packages, `autocannon@${dependencies.autocannon}`);
  for (const name of ours) link(join(root, "node_modules", name), join(workspace, "node_modules", name));
  link(join(packages, "node_modules/autocannon"), join(workspace, "node_modules/autocannon"));
  return workspace;
}

function install(folder, wanted) {
  if (existsSync(join(folder, "node_modules/autocannon"))) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const args = ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", wanted];
  const { status } = spawnSync("npm", args, { cwd: folder, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error(`npm install ${wanted} ended with ${status}`);
}

/** Copies the files of a folder. Modes are not kept: the source may be read-only. */
function copy(from, to) {
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile()) copyFile(file, join(to, relative(from, file)));
  }
}

function copyFile(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, readFileSync(from));
}

function link(target, path) {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
