import type { ChildProcess } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startFakeUpstream } from "../support/fake-upstream.js";
import type { ServerProcess } from "../support/server-process.js";
import { startServerProcess } from "../support/server-process.js";

const entry = join(import.meta.dirname, "../../dist/app/main.js");

interface Ran {
  readonly child: ChildProcess;
  out(): string;
  err(): string;
  readonly code: Promise<number | null>;
}

/** Starts `agentry run`, with what is given on its standard input. */
function agentry(args: readonly string[], { input = "", env = {} as Record<string, string> } = {}): Ran {
  const child = spawn(process.execPath, [entry, "run", ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.err += text;
  });
  child.stdin.end(input);
  const code = once(child, "close").then(([exit]) => exit as number | null);
  return { child, out: () => said.out, err: () => said.err, code };
}

const chunk = (choice: object) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`;
const word = (content: string) => chunk({ delta: { role: "assistant", content } });
const end = `${chunk({ delta: {}, finish_reason: "stop" })}data: [DONE]\n\n`;

/** A server, and a model that says these pieces with so many milliseconds between them. */
async function scene(
  pieces: readonly string[],
  paceMs = 0,
): Promise<{ server: ServerProcess; args: string[] }> {
  const headers = { "content-type": "text/event-stream" };
  const model = await startFakeUpstream({ headers, body: [...pieces.map(word), end], paceMs });
  onTestFinished(() => model.close());
  const server = await startServerProcess();
  onTestFinished(() => server.kill());
  await fetch(`${server.url}/v1/providers/near/credential`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ base_url: `${model.url}/v1` }),
  });
  return { server, args: ["--url", server.url, "--model", "near/m"] };
}

const words = Array.from({ length: 200 }, (_, i) => `w${i} `);

describe("agentry run", () => {
  it.each([
    ["its argument", ["Hello"], ""],
    ["standard input", ["-"], "Hello\n"],
  ])("takes what to say from %s", async (_where, prompt, input) => {
    const { server, args } = await scene(["Good ", "day."]);
    const ran = agentry([...args, ...prompt], { input });
    expect([await ran.code, ran.out()]).toEqual([0, "Good day.\n"]);
    const session = /session (\S+)/.exec(ran.err())?.[1];
    const history = await (await fetch(`${server.url}/v1/sessions/${session}/messages`)).text();
    expect(history).toContain('{"text":"Hello');
  });

  it("comes back to its run when the server does", { timeout: 30_000 }, async () => {
    const { server, args } = await scene(words, 20);
    const ran = agentry([...args, "--json", "Hello"]);
    await expect.poll(() => ran.out(), { timeout: 10_000 }).toContain("w5 ");
    await server.kill();
    await expect.poll(() => ran.err(), { timeout: 10_000 }).toContain("the connection is lost");
    const again = await startServerProcess({ dataDir: server.dataDir, args: ["--port", `${server.port}`] });
    onTestFinished(() => again.kill());
    expect(await ran.code).toBe(1);
    const events = ran
      .out()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.at(-1).run_finished.outcome).toBe("RUN_OUTCOME_INTERRUPTED");
  });

  it("ends without a word when nobody reads on", async () => {
    const { args } = await scene(words, 5);
    const ran = agentry([...args, "--json", "Hello"]);
    await expect.poll(() => ran.out(), { timeout: 10_000 }).toContain("w1 ");
    ran.child.stdout?.destroy();
    expect([await ran.code, ran.err()]).toEqual([0, ""]);
  });
});

describe("agentry run says what to do", () => {
  it.each([
    ["about an address that is none", ["--url", "here", "x"], /--url is the address of a server/],
    ["about another protocol", ["--url", "ftp://127.0.0.1", "x"], /--url is the address of a server/],
    ["where nothing listens", ["--url", "http://127.0.0.1:1", "x"], /there is no server at http:\/\/127/],
    ["about an empty prompt", ["--url", "http://127.0.0.1:1", " "], /the prompt is empty/],
    ["about an empty input", ["--url", "http://127.0.0.1:1", "-"], /the prompt is empty/],
  ])("%s", async (_what, args, expected) => {
    const ran = agentry(args);
    expect([await ran.code, ran.err()]).toEqual([1, expect.stringMatching(expected)]);
  });

  it("where a token is asked for", async () => {
    const server = await startServerProcess({ args: ["--auth", "token"] });
    const ran = agentry(["--url", server.url, "x"]);
    expect([await ran.code, ran.err()]).toEqual([1, expect.stringContaining("set AGENTRY_TOKEN")]);
    await server.kill();
  });

  it("where its provider has no key", async () => {
    const server = await startServerProcess();
    onTestFinished(() => server.kill());
    const ran = agentry(["--url", `${server.url}/`, "--model", "anthropic/claude-sonnet-4-5", "x"]);
    expect([await ran.code, ran.out()]).toEqual([1, ""]);
    const [failed, ...lines] = ran.err().split("\n");
    expect(failed).toMatch(/^! failed: there is no key for Anthropic/);
    const line = lines.slice(0, 2).join("\n");
    expect(line).toContain(`curl -X PUT ${server.url}/v1/providers/anthropic/credential`);
    execFileSync("sh", ["-ec", line.replace("curl ", "curl -sSf ")], { stdio: "ignore" });
    expect(await (await fetch(`${server.url}/v1/providers/anthropic`)).json()).toMatchObject({
      credential: { source: "CREDENTIAL_SOURCE_STORE" },
    });
  });

  it.each([
    ["text", "text/plain", "nothing here"],
    ["other JSON", "application/json", '{"error":{"message":"no"}}'],
  ])("where something else answers with %s", async (_what, type, body) => {
    const other = await startFakeUpstream({ status: 404, headers: { "content-type": type }, body });
    onTestFinished(() => other.close());
    const ran = agentry(["--url", other.url, "x"]);
    expect([await ran.code, ran.err()]).toEqual([1, expect.stringContaining("is no Agentry server")]);
  });
});
