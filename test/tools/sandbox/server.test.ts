import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { findBwrap } from "../../../src/tools/sandbox/probe-sandbox.js";
import type { ServerProcess } from "../../support/server-process.js";
import { startServerProcess } from "../../support/server-process.js";
import { alive } from "./alive.js";
import { whyNoSandbox } from "./bwrap-place.js";
import { pathWithoutBwrap } from "./path-without-bwrap.js";
import { startToolUpstream } from "./tool-upstream.js";

// biome-ignore lint/suspicious/noExplicitAny: the tests read replies of every kind
async function call(server: ServerProcess, method: string, path: string, body?: object): Promise<any> {
  const init = body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${server.url}${path}`, { method, ...init });
  const text = await response.text();
  expect(response.ok, text).toBe(true);
  return JSON.parse(text);
}

interface Scene {
  readonly server: ServerProcess;
  /** Runs lines of bash in a new session, all in one message of the model. Default: a new directory. */
  start(lines: readonly string[], workDir?: string): Promise<{ session: string; workDir: string }>;
}

async function openScene(
  args: readonly string[],
  env: Record<string, string> = {},
  extra: object = {},
): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "agentry-sandbox-"));
  const upstream = await startToolUpstream();
  const server = await startServerProcess({ args: ["--log-level", "warn", ...args], env });
  onTestFinished(async () => {
    await server.kill();
    await upstream.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const key = { api_key: "key-0123456789", base_url: upstream.url };
  await call(server, "PUT", "/v1/providers/anthropic/credential", key);
  const model = { provider: "anthropic", name: "fake-1" };
  const agent = await call(server, "POST", "/v1/agents", {
    name: "a",
    model,
    tools: ["bash"],
    ...extra,
  });
  return {
    server,
    async start(lines, workDir = mkdtempSync(join(folder, "work-"))) {
      const body = { agent_id: agent.id, work_dir: workDir, title: "t", approval_mode: "APPROVAL_MODE_AUTO" };
      const { id } = await call(server, "POST", "/v1/sessions", body);
      await call(server, "POST", `/v1/sessions/${id}/runs`, { input: { text: JSON.stringify(lines) } });
      return { session: id, workDir };
    },
  };
}

async function events(server: ServerProcess, session: string): Promise<string> {
  const response = await fetch(`${server.url}/v1/sessions/${session}/events`, {
    headers: { accept: "text/event-stream" },
  });
  let text = "";
  for await (const chunk of response.body!) {
    text += Buffer.from(chunk).toString();
    if (text.includes("event: run_finished")) break;
  }
  return text;
}

const ends = [
  { end: "SIGKILL to the server", act: ({ server }: Scene) => server.kill("SIGKILL") },
  { end: "SIGTERM to the server", act: ({ server }: Scene) => server.stop() },
  {
    end: "a cancel of each run",
    act: async ({ server }: Scene, sessions: string[]) => {
      for (const session of sessions) {
        const { runs } = await call(server, "GET", `/v1/sessions/${session}/runs`);
        await call(server, "POST", `/v1/runs/${runs[0].id}:cancel`, {});
      }
    },
  },
  {
    end: "the end of each session",
    act: async ({ server }: Scene, sessions: string[]) => {
      for (const session of sessions) await call(server, "DELETE", `/v1/sessions/${session}`);
    },
  },
];

const modes = [
  ...ends.map((end) => ({ mode: "auto", ...end })),
  ...ends.slice(0, 1).map((end) => ({ mode: "off", ...end })),
];

it.each(modes)(
  "with --sandbox $mode, of 20 running tools nothing is left after $end",
  async ({ mode, act }) => {
    const scene = await openScene(["--sandbox", mode, "--drain", "0"]);
    const mark = `mark-${crypto.randomUUID()}`;
    const line = `(setsid nohup sh -c 'sleep 600; :' ${mark} >/dev/null 2>&1 &); touch ready; sleep 600; : ${mark}`;
    const started = await Promise.all(Array.from({ length: 20 }, () => scene.start([line])));
    const isReady = (): boolean => started.every(({ workDir }) => existsSync(join(workDir, "ready")));
    await expect.poll(isReady, { timeout: 15_000 }).toBe(true);
    expect(alive(mark).length).toBeGreaterThanOrEqual(20);
    await act(
      scene,
      started.map(({ session }) => session),
    );
    await expect.poll(() => alive(mark), { timeout: 2_000 }).toEqual([]);
  },
  60_000,
);

it.each([
  { mode: "auto", mask: 0o022, rights: "644 755" },
  { mode: "off", mask: 0o027, rights: "640 750" },
])("with --sandbox $mode, tools make files with the rights that the user's programs give", async (one) => {
  const own = process.umask(one.mask);
  onTestFinished(() => void process.umask(own));
  const scene = await openScene(["--sandbox", one.mode]);
  process.umask(own);
  const { session } = await scene.start(["touch a; mkdir b; stat -c %a a b | xargs"]);
  expect(await events(scene.server, session)).toContain(`"text":"${one.rights}\\n"`);
  const data = readdirSync(scene.server.dataDir).map(
    (name) => statSync(join(scene.server.dataDir, name)).mode,
  );
  expect(data.filter((mode) => (mode & 0o077) !== 0)).toEqual([]);
});

describe("what the events of a session say", () => {
  const nowhere = { PATH: dirname(process.execPath) };

  it.skipIf(whyNoSandbox)("names bwrap, and the log has no warning", async () => {
    const scene = await openScene([]);
    const { session, workDir } = await scene.start(["echo made >file; cat file"]);
    const said = await events(scene.server, session);
    expect(said).toContain('"sandbox":"bwrap"');
    expect(said).toContain("made\\n");
    await expect.poll(() => readdirSync(workDir)).toEqual(["file"]);
    expect(scene.server.logs()).not.toContain("no sandbox");
  });

  it.skipIf(whyNoSandbox)(
    "the server's own files are not to be seen, nor is its port to be reached",
    async () => {
      const scene = await openScene([], { CANARY_KEY: "CANARY-environment" });
      const { dataDir, port } = scene.server;
      const { session } = await scene.start([
        `cat ${dataDir}/* /proc/*/environ /proc/*/cmdline 2>/dev/null | tr -d '\\0' | wc -c; grep -ra CANARY-env /proc/*/environ; ls ${dataDir}; echo x >/dev/tcp/127.0.0.1/${port} && echo reached`,
      ]);
      const said = await events(scene.server, session);
      expect(said).not.toContain("CANARY-environment");
      expect(said).not.toMatch(/reached\\n|agentry\.db/);
      expect(said).toContain("Connection refused");
    },
  );

  it.skipIf(whyNoSandbox)("nor are those of a database that is named by a link to the work_dir", async () => {
    const folder = mkdtempSync(join(tmpdir(), "agentry-linked-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, "work"));
    writeFileSync(join(folder, "work", "real.db"), "");
    symlinkSync(join(folder, "work", "real.db"), join(folder, "link.db"));
    const scene = await openScene(["--db", join(folder, "link.db")]);
    const { session } = await scene.start(["cat real.db* | wc -c"], join(folder, "work"));
    expect(existsSync(join(folder, "work", "real.db-wal"))).toBe(true);
    expect(await events(scene.server, session)).toContain('"text":"0\\n"');
  });

  it.skipIf(whyNoSandbox)("allowed hosts are those of the agent, and never the server itself", async () => {
    const scene = await openScene([], {}, { allowed_hosts: ["API.example.com.", "*.example.org:8443"] });
    const { agents } = await call(scene.server, "GET", "/v1/agents");
    expect(agents[0].allowed_hosts).toEqual(["api.example.com", "*.example.org:8443"]);
    const own = `127.0.0.1:${scene.server.port}/live`;
    const { session } = await scene.start([
      `curl -sS --noproxy '' http://${own}; curl -sS http://evil.test/; curl -sS --noproxy '*' -m 2 http://${own}`,
    ]);
    const said = await events(scene.server, session);
    expect(said).toContain("this host and port are not among");
    expect(said.match(/not among the agent's allowed_hosts\\n/g)?.length).toBeGreaterThanOrEqual(2);
    expect(said).toMatch(/Failed to connect to 127\.0\.0\.1|Couldn't connect to server/);
    const plain = await openScene([]);
    const without = await plain.start(["env | grep -ci proxy; echo made >file"]);
    expect(await events(plain.server, without.session)).toContain('"text":"0\\n"');
  });

  it("required without bubblewrap: the call fails, with the reason, and nothing runs", async () => {
    const scene = await openScene(["--sandbox", "required"], nowhere);
    const { session, workDir } = await scene.start(["touch made"]);
    const said = await events(scene.server, session);
    expect(said).toContain('"sandbox":"none"');
    expect(said).toContain(
      "tools need a sandbox (--sandbox required), and bubblewrap (bwrap) is not installed",
    );
    expect(readdirSync(workDir)).toEqual([]);
    expect(scene.server.logs()).toContain("tools do not run");
  });

  it("auto without bubblewrap: the log warns, and every call waits for somebody, whatever the mode", async () => {
    const scene = await openScene(["--sandbox", "auto"], nowhere);
    const { session, workDir } = await scene.start(["touch one", "touch two"]);
    const pending = async () => (await call(scene.server, "GET", "/v1/approvals")).approvals;
    await expect.poll(async () => (await pending()).length).toBe(2);
    expect(readdirSync(workDir)).toEqual([]);
    const [first, second] = await pending();
    expect([first.tool_call.arguments, second.tool_call.arguments]).toContainEqual({ command: "touch one" });
    const denied = [first, second].find(({ summary }) => summary.startsWith("touch two\n"));
    const approved = [first, second].find(({ summary }) => summary.startsWith("touch one\n"));
    await call(scene.server, "POST", `/v1/approvals/${denied.id}:resolve`, { verdict: "VERDICT_DENY" });
    await call(scene.server, "POST", `/v1/approvals/${approved.id}:resolve`, { verdict: "VERDICT_APPROVE" });
    const said = await events(scene.server, session);
    expect(said.match(/"sandbox":"none"/g)).toHaveLength(2);
    expect(scene.server.logs()).toMatch(/there is no sandbox.*not installed.*approval.*--sandbox off/);
    expect(scene.server.logs().match(/"level":"warn"/g)).toHaveLength(1);
  });

  it("off without bubblewrap: that is the operator's choice, and asks nobody", async () => {
    const scene = await openScene(["--sandbox", "off"], { PATH: pathWithoutBwrap() });
    const { session, workDir } = await scene.start(["touch one"]);
    const said = await events(scene.server, session);
    expect(said).toContain('"sandbox":"none"');
    expect(said).not.toContain("approval_requested");
    expect(readdirSync(workDir)).toEqual(["one"]);
    expect(scene.server.logs()).not.toContain("sandbox");
  });

  it.skipIf(whyNoSandbox)(
    "bubblewrap that goes away while the server runs: the call fails, and says so",
    async () => {
      const [folder = ""] = pathWithoutBwrap().split(":");
      copyFileSync(findBwrap()!, join(folder, "bwrap"));
      const scene = await openScene(["--sandbox", "auto"], { PATH: `${folder}:/bin` });
      const first = await scene.start(["echo a >made"]);
      expect(await events(scene.server, first.session)).toContain('"sandbox":"bwrap"');
      expect(readdirSync(first.workDir)).toEqual(["made"]);
      renameSync(join(folder, "bwrap"), join(folder, "elsewhere"));
      const second = await scene.start(["echo a >made"]);
      const said = await events(scene.server, second.session);
      expect(said).toContain("the sandbox is gone");
      expect(said).toContain("TOOL_CALL_STATUS_FAILED");
      expect(readdirSync(second.workDir)).toEqual([]);
    },
  );
});
