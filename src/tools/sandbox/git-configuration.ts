import { dirname, join, resolve } from "node:path";
import { readStart } from "./read-start.js";

/** A repository, by absolute paths. */
export interface Repository {
  /** Its directory `.git`. */
  readonly git: string;
  /** Where its files are checked out. */
  readonly tree: string;
  /** What `~` means. */
  readonly home: string | undefined;
}

const files = ["config", "config.worktree"];
/** Bytes of a configuration that are read, and paths of it that are taken. */
const [longest, most] = [64 * 1024, 16];

/**
 * Where the configuration of a repository leads git, for hooks and for more configuration: `core.hooksPath`,
 * `include.path` and `includeIf.….path` of git-config(1). Absolute; they need not exist.
 */
export function placesOfConfiguration({ git, tree, home }: Repository): string[] {
  const places: string[] = [];
  for (const file of files) {
    for (const { section, name, value } of readSettings(readStart(join(git, file), longest))) {
      const isHooks = section === "core" && name === "hookspath";
      const isMore = (section === "include" || section === "includeif") && name === "path";
      if (value === "" || !(isHooks || isMore)) continue;
      const path = value.startsWith("~/") && home !== undefined ? join(home, value.slice(2)) : value;
      places.push(isHooks ? hooksOf(resolve(tree, path)) : resolve(git, path));
    }
  }
  return places.slice(0, most);
}

/** Husky has git look in a directory `_` for what runs the hooks beside it. */
function hooksOf(path: string): string {
  return path.endsWith("/_") ? dirname(path) : path;
}

interface Setting {
  /** As `name`, in lower case and without a subsection. */
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

function* readSettings(text: string): Generator<Setting> {
  let section = "";
  // A line that ends in a backslash goes on with the next.
  for (const line of text.replaceAll(/\\\r?\n/g, "").split("\n")) {
    const [, header, setting = line] = /^\s*\[\s*([\w.-]+)[^\]]*\](.*)$/.exec(line) ?? [];
    if (header !== undefined) section = header.toLowerCase();
    const [, name = "", value = ""] = /^\s*([A-Za-z][\w-]*)\s*=\s*(.*)$/.exec(setting) ?? [];
    if (name !== "") yield { section, name: name.toLowerCase(), value: plainValue(value) };
  }
}

/** Without quotes, escapes and what follows `#` or `;`. */
function plainValue(text: string): string {
  let [plain, quoted] = ["", false];
  for (const [, escaped, character = ""] of text.matchAll(/\\(.)|(.)/g)) {
    if (escaped !== undefined) plain += escaped;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === "#" || character === ";")) break;
    else plain += character;
  }
  return plain.trim();
}
