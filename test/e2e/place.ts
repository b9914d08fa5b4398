import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { FakeUpstream, UpstreamAnswer, UpstreamRequest } from "../support/fake-upstream.js";
import { anthropicAnswer, startFakeUpstream } from "../support/fake-upstream.js";
import type { ServerProcess, ServerProcessOptions } from "../support/server-process.js";
import { startServerProcess } from "../support/server-process.js";

/** An answer of the REST surface. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every kind
  readonly body: any;
}

/** An event as server-sent events carry it. */
export interface SentEvent {
  readonly id: number;
  readonly name: string;
  readonly data: string;
}

const upstreams = new Set<FakeUpstream>();
const workDir = mkdtempSync(join(tmpdir(), "agentry-work-"));
afterAll(async () => {
  await Promise.all([...upstreams].map((upstream) => upstream.close()));
  rmSync(workDir, { recursive: true, force: true });
});

export type Place = Awaited<ReturnType<typeof openPlace>>;

/** A built server in a process of its own, and the model server that its agent calls. */
export async function openPlace(options: ServerProcessOptions & { readonly tools?: readonly string[] } = {}) {
  const upstream = await startFakeUpstream(() => ({ body: anthropicAnswer(["ok"]) }));
  upstreams.add(upstream);
  const place = {
    upstream,
    server: await startServerProcess({ args: ["--log-level", "error"], ...options }),
  };
  const call = (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => callRest(place.server, { method, path, body, headers });
  const key = { api_key: "e2e-key-0123456789", base_url: upstream.url };
  await call("PUT", "/v1/providers/anthropic/credential", key);
  const model = { provider: "anthropic", name: "fake-1" };
  const agent = { name: "e2e", model, tools: options.tools ?? ["bash", "read"] };
  const agentId: string = (await call("POST", "/v1/agents", agent)).body.id;
  const getRun = async (id: string) => (await call("GET", `/v1/runs/${id}`)).body;
  return {
    upstream,
    call,
    agentId,
    getRun,
    get server(): ServerProcess {
      return place.server;
    },
    /** Starts the server again on the same data. */
    async restart(): Promise<void> {
      place.server = await startServerProcess({ ...options, dataDir: place.server.dataDir });
    },
    async session(extra: object = {}): Promise<string> {
      const body = { agent_id: agentId, title: "e2e", work_dir: workDir, ...extra };
      return (await call("POST", "/v1/sessions", body)).body.id;
    },
    start: (session: string, text: string, extra: object = {}) =>
      call("POST", `/v1/sessions/${session}/runs`, { input: { text }, ...extra }),
    /** The run, when it has finished. */
    async finished(id: string) {
      for (;;) {
        const run = await getRun(id);
        if (run.state === "RUN_STATE_FINISHED") return run;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    /** Every event of a session by now. */
    async history(session: string): Promise<SentEvent[]> {
      const headers = { accept: "text/event-stream" };
      const response = await fetch(`${place.server.url}/v1/sessions/${session}/events?follow=false`, {
        headers,
      });
      return parseEvents(await response.text());
    },
  };
}

async function callRest(
  { url }: ServerProcess,
  {
    method,
    path,
    body,
    headers,
  }: { method: string; path: string; body: unknown; headers: Record<string, string> },
): Promise<Answer> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) };
  const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  const response = await fetch(`${url}${path}`, { method, headers: { ...type, ...headers }, ...json });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

/** The whole events of a stream, read as its writer promises them: `id`, `event`, `data`, one line each. */
export function parseEvents(text: string): SentEvent[] {
  return text.split("\n\n").flatMap((frame) => {
    const match = /^id: (\d+)\nevent: (\w+)\ndata: ([^\n]*)$/.exec(frame);
    return match ? [{ id: Number(match[1]), name: match[2] ?? "", data: match[3] ?? "" }] : [];
  });
}

/** Answers the calls of a conversation by how many assistant messages it has after the last text of the user. */
export function script(...steps: readonly UpstreamAnswer[]): (request: UpstreamRequest) => UpstreamAnswer {
  return ({ json }) => {
    const { messages } = json as { messages: { role: string; content: unknown }[] };
    const from = messages.findLastIndex(({ role, content }) => role === "user" && !isResults(content));
    const done = messages.slice(from).filter(({ role }) => role === "assistant").length;
    return steps[done] ?? { body: anthropicAnswer(["ok"]) };
  };
}

const isResults = (content: unknown): boolean =>
  Array.isArray(content) && content.some((block: { type?: string }) => block.type === "tool_result");

/** Why a provider would refuse a history; undefined when it would not. */
export function historyFault(request: UpstreamRequest): string | undefined {
  const { messages } = request.json as {
    messages: { role: string; content: { type: string; id?: string; tool_use_id?: string }[] }[];
  };
  if (messages[0]?.role !== "user") return "the first message is not the user's";
  for (const [i, { content }] of messages.entries()) {
    const uses = content.flatMap(({ type, id }) => (type === "tool_use" ? [id] : []));
    const results = messages[i + 1]?.content.flatMap(({ type, tool_use_id }) =>
      type === "tool_result" ? [tool_use_id] : [],
    );
    if (uses.join() !== (results ?? []).join()) return `message ${i}: calls ${uses}, results ${results}`;
    if (content.length === 0) return `message ${i} is empty`;
  }
  return undefined;
}
