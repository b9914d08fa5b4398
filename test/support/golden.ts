import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

/**
 * Golden dialogues. A file is a list of exchanges, run in order against one server:
 *
 *     Free text, and for each id that the commands write in another way:
 *     let 01ABC... = agent
 *
 *     ### What is shown
 *     $ curl -X POST http://localhost:2323/agents \
 *       -d '{"name": "Assistant"}'
 *
 *     201 application/json
 *
 *     {"id":"<agent>","name":"Assistant","created_at":"<time>","updated_at":"<time>"}
 *
 * The command is run by bash as it is printed, but for the address and such ids. The reply has to be the one
 * printed, byte for byte, but for `<time>` (RFC 3339, whole seconds), `<any>` (anything on one line) and other
 * words in brackets, each of which stands for one id throughout the file.
 */
interface Exchange {
  readonly name: string;
  readonly command: string;
  readonly status: string;
  readonly contentType: string;
  readonly body: string;
}

interface Dialogue {
  /** Words of commands, and the ids that they stand for. */
  readonly words: ReadonlyMap<string, string>;
  readonly exchanges: readonly Exchange[];
}

/** Makes a test of each `.http` file in a folder. `open` gives the address of a fresh server. */
export function goldenDialogues(folder: string, open: () => Promise<string>): void {
  const files = readdirSync(folder).filter((name) => name.endsWith(".http"));
  describe(`the golden dialogues of ${folder.split("/").at(-1)}`, () => {
    it("are found", () => {
      expect(files).not.toEqual([]);
    });
    it.each(files)("%s", { timeout: 120_000 }, async (name) => {
      const dialogue = parseDialogue(readFileSync(join(folder, name), "utf8"));
      expect(dialogue.exchanges).not.toEqual([]);
      await play(dialogue, await open());
    });
  });
}

/** Reads a dialogue. Throws where a part of an exchange is missing. */
function parseDialogue(text: string): Dialogue {
  const [preamble = "", ...sections] = text.split(/^### /m);
  const words = new Map<string, string>();
  for (const [, word, id] of preamble.matchAll(/^let (\S+) = (\w+)$/gm)) words.set(word!, id!);
  return { words, exchanges: sections.map(parseExchange) };
}

function parseExchange(section: string): Exchange {
  const found = /^(.+)\n\$ ((?:.+\n)+)\n(\d{3})(?: (\S+))?\n(?:\n([\s\S]*))?$/.exec(`${section.trimEnd()}\n`);
  if (!found) throw new Error(`not an exchange: ${section}`);
  const [, name = "", command = "", status = "", contentType = "", body = ""] = found;
  return { name, command, status, contentType, body: body.trimEnd() };
}

async function play({ words, exchanges }: Dialogue, url: string): Promise<void> {
  const ids = new Map<string, string>();
  for (const exchange of exchanges) {
    let command = exchange.command.replaceAll("http://localhost:2323", url);
    for (const [word, id] of words) command = command.replaceAll(word, ids.get(id) ?? word);
    for (const [id, value] of ids) command = command.replaceAll(`<${id}>`, value);
    const { head, body } = await runCurl(command);
    const said = `${exchange.name}\n${head}\n${body}`;
    expect(head, said).toMatch(new RegExp(`^HTTP/\\S+ ${exchange.status}\\b`));
    if (exchange.contentType)
      expect(head.toLowerCase(), said).toContain(`content-type: ${exchange.contentType}`);
    const { pattern, names } = toPattern(exchange.body, ids);
    const match = pattern.exec(body.trimEnd());
    // Shown as a difference, which a pattern that does not match is not.
    if (!match) expect(body.trimEnd(), exchange.name).toBe(exchange.body);
    names.forEach((name, index) => {
      ids.set(name, match?.[index + 1] ?? "");
    });
  }
}

/** The pattern of a body, and the ids that it finds out, in the order of its groups. */
function toPattern(body: string, ids: ReadonlyMap<string, string>): { pattern: RegExp; names: string[] } {
  const names: string[] = [];
  const source = body
    .split(/(<[a-z][a-z0-9_]*>)/)
    .map((piece, index) => {
      if (index % 2 === 0) return piece.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
      const name = piece.slice(1, -1);
      if (name === "time") return "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ";
      if (name === "any") return "[^\\n]*?";
      const known = ids.get(name);
      if (known !== undefined) return known;
      if (names.includes(name)) return `\\${names.indexOf(name) + 1}`;
      names.push(name);
      return "([0-9A-Z]{26})";
    })
    .join("");
  return { pattern: new RegExp(`^${source}$`), names };
}

/** Runs a command with the real curl. Its headers are dumped aside, and a pipe to jq is a pipe to cat. */
function runCurl(command: string): Promise<{ head: string; body: string }> {
  const folder = mkdtempSync(join(tmpdir(), "agentry-golden-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const heads = join(folder, "head");
  const script = `jq() { cat; }; curl() { command curl -sS --max-time 60 -D "$HEADS" "$@"; }; ${command}`;
  return new Promise((resolve, reject) => {
    const env = { ...process.env, HEADS: heads, no_proxy: "*" };
    const options = { env, maxBuffer: 64 << 20, timeout: 70_000 };
    execFile("/bin/bash", ["-c", `set -o pipefail; ${script}`], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command}\n${stderr}`));
      else resolve({ head: readFileSync(heads, "utf8"), body: stdout });
    });
  });
}
