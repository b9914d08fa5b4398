import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { whyNoSandbox } from "./tools/sandbox/bwrap-place.js";
import { pathWithoutBwrap } from "./tools/sandbox/path-without-bwrap.js";

const root = join(import.meta.dirname, "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text!.trim());
const inline = [...readme.matchAll(/`(np[mx] [^`]+)`/g)].map(([, text]) => text!);

/** A machine to try them on. */
interface Machine {
  readonly path: string;
  readonly port: number;
  readonly dir: string;
}

const firstPort = 20_000 + 2 * (process.pid % 6_000);
const machines = [
  { name: "on this machine", path: process.env.PATH ?? "", port: firstPort },
  { name: "without bubblewrap", path: pathWithoutBwrap(), port: firstPort + 1 },
].map((machine) => ({ ...machine, dir: mkdtempSync(join(tmpdir(), "agentry-readme-")) }));
let machine: Machine = machines[0]!;

const environment = ({ path, port, dir }: Machine) => ({
  ...process.env,
  PATH: path,
  HOME: dir,
  AGENTRY_URL: `http://127.0.0.1:${port}`,
  // Built already: building again would pull the program from under the other tests.
  npm_config_ignore_scripts: "true",
});

/** A command of the README as it stands there, with this test's port, folders and ids put in. */
function take(start: string, values: Readonly<Record<string, string>> = {}): string {
  const found = blocks.flatMap(commandsOf).find((command) => command.startsWith(start));
  if (!found) throw new Error(`the README has no command that begins with ${start}`);
  used.add(found);
  let command = found.replace(/^npm ci && /, "").replaceAll("127.0.0.1:2323", `127.0.0.1:${machine.port}`);
  for (const [name, value] of Object.entries(values)) command = command.replaceAll(name, value);
  return command;
}

const used = new Set<string>();

/** The commands of a block: one a line, but for those that go on inside quotation marks or after a backslash. */
function commandsOf(block: string): string[] {
  const commands: string[] = [];
  for (const line of block.split("\n")) {
    const last = commands.at(-1);
    const open = last !== undefined && ((last.split("'").length - 1) % 2 === 1 || last.endsWith("\\"));
    if (open) commands[commands.length - 1] = `${last}\n${line}`;
    else commands.push(line);
  }
  return commands;
}

function start(command: string) {
  const child = spawn("bash", ["-c", `exec ${command}`], {
    cwd: root,
    env: environment(machine),
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  return { child, output: () => output };
}

async function run(command: string): Promise<string> {
  const { child, output } = start(command);
  const [code] = await once(child, "close");
  expect(code, `${command}\n${output()}`).toBe(0);
  return output();
}

const idIn = (reply: string): string => (JSON.parse(reply) as { id: string }).id;

describe.each(machines)("the commands of the README $name", (here) => {
  const { port, dir } = here;
  let server: ReturnType<typeof start>;

  beforeAll(async () => {
    machine = here;
    // The options that the README shows, with the cassette of its last chapter so that no key is needed.
    const options = take("npm start -- --port 8080").replace("8080", String(port)).replace("./data", dir);
    const cassette = take("npm start -- --fake").replace("npm start --", "");
    server = start(`${options} ${cassette}`);
    const ready = `listening on http://127.0.0.1:${port}`;
    await vi.waitFor(() => expect(server.output()).toContain(ready), { timeout: 20_000 });
  });

  afterAll(() => {
    if (server?.child.pid) process.kill(-server.child.pid, "SIGTERM");
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  });

  it("shows the main job in a demo", async () => {
    const output = await run(take("npm ci && npm run demo"));
    expect(output).toContain("$ curl ");
    expect(output).toContain("event: run_finished");
    expect(output).toContain("< succeeded after");
    const isConfined = whyNoSandbox === undefined && here === machines[0];
    expect(output.match(/^\$ curl .*:resolve /gm) ?? []).toHaveLength(isConfined ? 0 : 2);
    expect(output.includes("there is no sandbox")).toBe(!isConfined);
  });

  it("stores a key without returning it", async () => {
    const reply = await run(take("curl -X PUT"));
    expect(JSON.parse(reply.slice(reply.indexOf("{")))).toMatchObject({
      source: "CREDENTIAL_SOURCE_STORE",
      origin: "https://api.anthropic.com",
    });
    expect(reply).not.toContain("sk-ant");
  });

  it("lets an agent run a tool once somebody approves, and reads the events again", async () => {
    const quiet = (command: string) => command.replace(/^curl/, "curl -sS");
    const AGENT = idIn(await run(quiet(take("curl http://127.0.0.1:2323/v1/agents"))));
    const SESSION = idIn(await run(quiet(take("curl http://127.0.0.1:2323/v1/sessions", { AGENT }))));
    const stream = start(quiet(take("curl -N http://127.0.0.1:2323/v1/sessions/SESSION:run", { SESSION })));
    await expect.poll(stream.output, { timeout: 10_000 }).toContain("event: approval_requested");
    const list = JSON.parse(await run(quiet(take("curl http://127.0.0.1:2323/v1/approvals"))));
    const APPROVAL = list.approvals[0].id;
    await run(quiet(take("curl http://127.0.0.1:2323/v1/approvals/APPROVAL:resolve", { APPROVAL })));
    await once(stream.child, "close");
    expect(stream.output()).toContain("event: tool_call_finished");
    expect(stream.output()).toContain("RUN_OUTCOME_COMPLETED");

    const again = start(quiet(take("curl -N http://127.0.0.1:2323/v1/sessions/SESSION/events", { SESSION })));
    await expect.poll(again.output, { timeout: 10_000 }).toContain("event: run_finished");
    again.child.kill();
    expect(again.output()).toMatch(/^id: 13\n/);
    expect(stream.output()).toContain(again.output().split("\n\n")[0]);
  });

  it("runs from a terminal", async () => {
    const command = inline.find((text) => text.startsWith("npx agentry run"));
    const output = await run(`${command} --yes`);
    expect(output).toContain("> bash");
    expect(output).toContain("I listed the folder");
  });

  it("prints the token", async () => {
    expect(inline).toContain("npx agentry token");
    const output = await run(`npx agentry token --data-dir ${dir}`);
    expect(output.trim()).toBe(readFileSync(join(dir, "token"), "utf8").trim());
  });

  it("know every option of serve that the README lists, and no other", async () => {
    const help = await run("npx agentry serve --help");
    const known = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name!);
    const [, section = ""] = readme.split("## Options of `serve`");
    const rows = section.split("\n").filter((line) => line.startsWith("| `--"));
    const listed = rows.flatMap((row) => row.split("|")[1]!.match(/--[a-z-]+/g) ?? []);
    expect(listed.toSorted()).toEqual(known.filter((name) => name !== "--help").toSorted());
  });

  it("are all run here, but for those that run this test or serve for ever", () => {
    const elsewhere = ["npm ci && npm test", "npm ci && npm start"];
    const all = blocks.flatMap(commandsOf);
    expect(all.length).toBeGreaterThan(8);
    expect(all.filter((command) => !used.has(command) && !elsewhere.includes(command))).toEqual([]);
  });
});
