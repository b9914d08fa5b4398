import { createHash } from "node:crypto";

/** What providers take: OpenAI and Anthropic alike. */
const longest = 64;
const unwanted = /[^A-Za-z0-9_-]/g;

/**
 * The name by which a model calls a tool of a server: `server_tool`. A name that is too long, has other characters
 * than letters, digits, `_` and `-`, or is `taken`, ends in a hash of what it stands for, so that it is the same
 * whatever other tools there are. A server's name has no `_`, so two servers cannot mean the same name.
 */
export function serverToolName(server: string, tool: string, taken: ReadonlySet<string>): string {
  const name = `${server}_${tool}`;
  const plain = name.replace(unwanted, "_");
  if (plain === name && name.length <= longest && !taken.has(name)) return name;
  const hash = createHash("sha256").update(`${server}\0${tool}`).digest("hex").slice(0, 8);
  return `${plain.slice(0, longest - hash.length - 1)}_${hash}`;
}
