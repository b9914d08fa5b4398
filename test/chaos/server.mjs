// Starts the built server and calls it as any client would.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const entry = join(import.meta.dirname, "../../dist/app/main.js");

/** Starts the built server on a data folder and waits until it listens. */
export async function startServer(dataDir) {
  const args = [entry, "serve", "--port", "0", "--data-dir", dataDir, "--log-level", "warn"];
  const env = { PATH: process.env.PATH, HOME: dataDir };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], env });
  const line = once(createInterface(child.stdout), "line");
  const early = once(child, "exit").then(() => ["the server did not start"]);
  const [said] = await Promise.race([line, early]);
  const [, url] = /^listening on (\S+)$/.exec(said) ?? [];
  if (!url) throw new Error(said);
  return {
    url,
    pid: child.pid,
    /** Memory of the process, in MB. */
    memory: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024,
    async end(signal) {
      const exit = once(child, "exit");
      child.kill(signal);
      const [code] = await exit;
      return code;
    },
  };
}

/** Calls the REST surface. Throws with the answer when it is no 2xx. */
export async function call(url, method, path, body) {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(`${url}${path}`, { method, ...init });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
  return JSON.parse(answer);
}

/** Stores the key of the model server, and creates an agent that calls it. */
export async function createAgent(url, upstream, tools) {
  await call(url, "PUT", "/v1/providers/anthropic/credential", {
    api_key: "chaos-key-0123456789",
    base_url: upstream,
  });
  const agent = { name: "chaos", model: { provider: "anthropic", name: "fake-1" }, tools };
  return (await call(url, "POST", "/v1/agents", agent)).id;
}

/** Starts a run whose model answers as `steps` say. */
export function startRun(url, session, steps) {
  return call(url, "POST", `/v1/sessions/${session}/runs`, { input: { text: JSON.stringify({ steps }) } });
}

/** Every event of a session by now, as `{ id, name, data }`. */
export async function history(url, session) {
  const headers = { accept: "text/event-stream" };
  const response = await fetch(`${url}/v1/sessions/${session}/events?follow=false`, { headers });
  return wholeFrames(await response.text());
}

/** The complete events in a text of server-sent events. */
export function wholeFrames(bytes) {
  return bytes
    .split("\n\n")
    .slice(0, -1)
    .map((frame) => Object.fromEntries(frame.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2))))
    .filter((fields) => "id" in fields)
    .map(({ id, event, data }) => ({ id: Number(id), name: event, data }));
}
