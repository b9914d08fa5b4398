import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it, onTestFinished } from "vitest";
import { findBwrap } from "../../../src/tools/sandbox/probe-sandbox.js";
import { whyNoSandbox } from "./bwrap-place.js";
import { startToolUpstream } from "./tool-upstream.js";

const entry = join(import.meta.dirname, "../../../dist/app/main.js");

/** A server with bubblewrap, on a system where nobody may make user namespaces: it is in one of the kind itself. */
async function openScene(mode: string) {
  const folder = mkdtempSync(join(tmpdir(), "agentry-no-namespaces-"));
  const [dataDir, workDir] = [join(folder, "data"), join(folder, "work")];
  for (const path of [dataDir, workDir]) mkdirSync(path, { mode: 0o700 });
  const view = ["--bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--die-with-parent"];
  const serve = ["serve", "--port", "0", "--data-dir", dataDir, "--auth", "none", "--sandbox", mode];
  const args = ["--unshare-user", "--disable-userns", ...view, process.execPath, entry, ...serve];
  const env = { PATH: process.env.PATH ?? "", HOME: dataDir };
  const child = spawn(findBwrap()!, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const upstream = await startToolUpstream();
  let logs = "";
  child.stderr.on("data", (text) => (logs += text));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await upstream.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  const url = line.replace("listening on ", "");
  // biome-ignore lint/suspicious/noExplicitAny: replies of every kind
  const call = async (method: string, path: string, body?: object): Promise<any> => {
    const init = body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return (await fetch(url + path, { method, ...init })).json();
  };
  const key = { api_key: "key-0123456789", base_url: upstream.url };
  await call("PUT", "/v1/providers/anthropic/credential", key);
  const model = { provider: "anthropic", name: "fake-1" };
  const agent = await call("POST", "/v1/agents", { name: "a", model, tools: ["bash"] });
  const auto = { agent_id: agent.id, work_dir: workDir, title: "t", approval_mode: "APPROVAL_MODE_AUTO" };
  const session = await call("POST", "/v1/sessions", auto);
  const run = await call("POST", `/v1/sessions/${session.id}/runs`, { input: { text: '["touch made"]' } });
  const finished = async () => (await call("GET", `/v1/runs/${run.id}`)).state === "RUN_STATE_FINISHED";
  const events = async () => {
    const headers = { accept: "text/event-stream" };
    return (await fetch(`${url}/v1/sessions/${session.id}/events?follow=false`, { headers })).text();
  };
  return { call, finished, events, made: () => readdirSync(workDir), logs: () => logs };
}

it.skipIf(whyNoSandbox)("auto asks for every call, and says that nothing confines it", async () => {
  const { call, finished, events, made, logs } = await openScene("auto");
  const pending = async () => (await call("GET", "/v1/approvals")).approvals;
  await expect.poll(async () => (await pending()).length, { timeout: 10_000 }).toBe(1);
  expect(made()).toEqual([]);
  expect(logs()).toMatch(/there is no sandbox: .*user namespaces/);
  const [{ id }] = await pending();
  await call("POST", `/v1/approvals/${id}:resolve`, { verdict: "VERDICT_APPROVE" });
  await expect.poll(finished, { timeout: 10_000 }).toBe(true);
  expect(made()).toEqual(["made"]);
  expect(await events()).toContain('"sandbox":"none"');
});

it.skipIf(whyNoSandbox)("required runs nothing, and says why", async () => {
  const { call, finished, events, made } = await openScene("required");
  await expect.poll(finished, { timeout: 10_000 }).toBe(true);
  expect(made()).toEqual([]);
  expect(await events()).toMatch(/tools need a sandbox \(--sandbox required\), and .*user namespaces/);
  expect((await call("GET", "/v1/approvals")).approvals).toEqual([]);
});
