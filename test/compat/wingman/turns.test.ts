import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { anthropicAnswer } from "../../support/fake-upstream.js";
import type { Client } from "./client.js";
import { openClient } from "./client.js";
import { playScript, startModel } from "./model.js";

let model: FakeUpstream;
let client: Client;
let workDir: string;
beforeAll(async () => {
  model = await startModel();
  client = await openClient(model.url);
  workDir = mkdtempSync(join(tmpdir(), "agentry-wingman-"));
});
afterAll(async () => {
  await model.close();
  rmSync(workDir, { recursive: true, force: true });
});

interface HistoryMessage {
  readonly role: string;
  readonly content: readonly { readonly type: string; readonly text?: string }[];
}

const historyOf = async (id: string): Promise<HistoryMessage[]> =>
  (await client.send("GET", `/sessions/${id}`)).json.history;
const textsOf = (history: HistoryMessage[], role: string): string[] =>
  history
    .filter((message) => message.role === role)
    .flatMap(({ content }) => content.map(({ text }) => text ?? ""));

describe("turns of one session", () => {
  it("sent eight at once are all kept, and each is answered for itself", async () => {
    const id = await client.newSession(workDir);
    const agentId = await client.newAgent();
    const said = Array.from({ length: 8 }, (_, i) => `slow 20 number ${i}`);
    const replies = await Promise.all(
      said.map((message) => client.send("POST", `/sessions/${id}/message`, { agent_id: agentId, message })),
    );
    expect(replies.map(({ json }) => json.response)).toEqual(said.map((message) => `re: ${message}`));
    const history = await historyOf(id);
    expect(history.map(({ role }) => role)).toEqual(Array(8).fill(["user", "assistant"]).flat());
    expect(textsOf(history, "user").sort()).toEqual([...said].sort());
    expect(textsOf(history, "assistant")).toEqual(
      textsOf(history, "user").map((message) => `re: ${message}`),
    );
  });

  it("do not take back a change of the folder that is made meanwhile", async () => {
    const id = await client.newSession(workDir);
    const body = { agent_id: await client.newAgent(), message: "slow 300 hi" };
    const sent = client.send("POST", `/sessions/${id}/message`, body);
    const asked = model.requests.length;
    await expect.poll(() => model.requests.length).toBeGreaterThan(asked - 1);
    await client.send("PUT", `/sessions/${id}`, { work_dir: "/elsewhere" });
    expect((await sent).status).toBe(200);
    const { json } = await client.send("GET", `/sessions/${id}`);
    expect([json.work_dir, json.history.length]).toEqual(["/elsewhere", 2]);
  });
});

describe("a message that is sent twice under one name", () => {
  it("is one turn, and both are answered", async () => {
    const id = await client.newSession(workDir);
    const body = { agent_id: await client.newAgent(), message: "slow 100 once" };
    const key = { "idempotency-key": "k1" };
    const send = () => client.send("POST", `/sessions/${id}/message`, body, key);
    const [first, second] = await Promise.all([send(), send()]);
    expect(first.text).toBe(second.text);
    expect((await send()).json.response).toBe("re: slow 100 once");
    expect(await historyOf(id)).toHaveLength(2);
  });
});

describe("a session that is deleted", () => {
  it("ends the turn in it, and tells the caller", async () => {
    const id = await client.newSession(workDir);
    const body = { agent_id: await client.newAgent(), message: "slow 20000 never" };
    const asked = model.requests.length;
    const sent = client.send("POST", `/sessions/${id}/message`, body);
    await expect.poll(() => model.requests.length).toBeGreaterThan(asked);
    expect((await client.send("DELETE", `/sessions/${id}`)).status).toBe(200);
    const reply = await sent;
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.json.error).toEqual(expect.any(String));
    expect((await client.send("GET", `/sessions/${id}`)).status).toBe(404);
  });
});

describe("a turn that fails", () => {
  it("keeps what was said and what tools did", async () => {
    const id = await client.newSession(workDir);
    const agentId = await client.newAgent();
    const failed = await client.send("POST", `/sessions/${id}/message`, {
      agent_id: agentId,
      message: "touch",
    });
    expect(failed.status).toBe(500);
    expect(failed.json.error).toMatch(/^inference failed: anthropic: .*400/);
    expect(readFileSync(join(workDir, "made.txt"), "utf8")).toBe("made\n");
    const history = await historyOf(id);
    expect(history.map(({ content }) => content.map(({ type }) => type))).toEqual([
      ["text"],
      ["tool_use"],
      ["tool_result"],
    ]);
    const next = await client.send("POST", `/sessions/${id}/message`, {
      agent_id: agentId,
      message: "go on",
    });
    expect(next.json.response).toBe("re: go on");
  });

  it("because the model stopped in the middle is an error, and the session goes on", {
    timeout: 60_000,
  }, async () => {
    const id = await client.newSession(workDir);
    const agentId = await client.newAgent();
    const frames = await client.stream(id, { agent_id: agentId, message: "cut" });
    expect(frames.map(({ event }) => event)).not.toContain("done");
    expect(frames.at(-1)).toMatchObject({ event: "error", json: { code: "unavailable" } });
    expect(frames.filter(({ event }) => event === "error")).toHaveLength(1);
    const history = await historyOf(id);
    expect(textsOf(history, "user")).toEqual(["cut"]);
    expect(history.every(({ content }) => content.length > 0)).toBe(true);
    const next = await client.send("POST", `/sessions/${id}/message`, {
      agent_id: agentId,
      message: "go on",
    });
    expect(next.json.response).toBe("re: go on");
  });

  it("by a tool call without arguments does not poison the session", async () => {
    const id = await client.newSession(workDir);
    const agentId = await client.newAgent();
    const frames = await client.stream(id, { agent_id: agentId, message: "noarguments" });
    expect(frames.at(-1)!.event).toBe("done");
    expect((await historyOf(id))[1]!.content[0]).toMatchObject({
      type: "tool_use",
      id: "toolu_n",
      input: {},
    });
    await client.send("POST", `/sessions/${id}/message`, { agent_id: agentId, message: "go on" });
    const replayed = JSON.stringify(model.requests.at(-1)!.json.messages);
    expect(replayed).toMatch(/"type":"tool_use","id":"toolu_n","name":"bash","input":\{\}/);
  });

  it("by running out of tokens in a tool call leaves no call without a result", async () => {
    const call = { id: "toolu_m", name: "bash", input: { command: "echo x" } };
    model.answer((request, number) =>
      JSON.stringify(request.json.messages).includes("toolu_m") ||
      !JSON.stringify(request.json).includes("run dry")
        ? playScript(request)
        : { body: anthropicAnswer([call], undefined, "max_tokens"), headers: { n: String(number) } },
    );
    const id = await client.newSession(workDir);
    const agentId = await client.newAgent();
    await client.send("POST", `/sessions/${id}/message`, { agent_id: agentId, message: "run dry" });
    await client.send("POST", `/sessions/${id}/message`, { agent_id: agentId, message: "go on" });
    model.answer(playScript);
    const messages = JSON.stringify(model.requests.at(-1)!.json.messages);
    expect(messages.match(/"tool_use"/g)).toHaveLength(1);
    expect(messages.match(/"tool_result"/g)).toHaveLength(1);
  });
});

describe("a caller that leaves", () => {
  it.each(["message", "message/stream"])("does not end the turn: %s", async (path) => {
    const id = await client.newSession(workDir);
    const body = JSON.stringify({ agent_id: await client.newAgent(), message: "slow 300 still here" });
    const asked = model.requests.length;
    const leave = new AbortController();
    const headers = { "content-type": "application/json" };
    const { signal } = leave;
    const sent = fetch(`${client.server.url}/sessions/${id}/${path}`, {
      method: "POST",
      headers,
      body,
      signal,
    })
      .then((response) => response.text())
      .catch(() => "left");
    await expect.poll(() => model.requests.length).toBeGreaterThan(asked);
    leave.abort();
    expect(await sent).toBe("left");
    await expect
      .poll(async () => textsOf(await historyOf(id), "assistant"))
      .toEqual(["re: slow 300 still here"]);
  });

  it("finds a turn that was canceled over another protocol kept as far as it went", async () => {
    const id = await client.newSession(workDir);
    const asked = model.requests.length;
    const sent = client.send("POST", `/sessions/${id}/message`, {
      agent_id: await client.newAgent(),
      message: "slow 20000 never",
    });
    await expect.poll(() => model.requests.length).toBeGreaterThan(asked);
    const json = { "content-type": "application/json" };
    const { runs } = (await client.send("GET", `/v1/sessions/${id}/runs`)).json;
    await client.send("POST", `/v1/runs/${runs[0].id}:cancel`, "{}", json);
    const reply = await sent;
    expect([reply.status, reply.json.code, reply.json.error]).toEqual([
      500,
      "canceled",
      "the run was canceled",
    ]);
    expect(textsOf(await historyOf(id), "user")).toEqual(["slow 20000 never"]);
  });
});
