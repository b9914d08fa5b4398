import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openAuthorizationServer } from "../tools/mcp/authorization-server.js";
import { openHttpPlace } from "../tools/mcp/http-place.js";
import { useStdioProgram } from "../tools/mcp/stdio-program.js";
import { alive } from "../tools/sandbox/alive.js";
import type { McpScene } from "./mcp-scene.js";
import { openMcpScene, toolCall } from "./mcp-scene.js";

const program = useStdioProgram();
const open = (options: Parameters<typeof openMcpScene>[1] = {}) => openMcpScene(program.path, options);

describe("an MCP server of an agent", () => {
  it("over stdio: is approved, started in the sandbox, and called", async () => {
    const scene = await open();
    scene.model(toolCall("one_echo", { text: "hello" }));
    const session = await scene.session([scene.node()]);
    expect(await scene.run(session)).toMatchObject({ outcome: "RUN_OUTCOME_COMPLETED" });
    expect(await scene.outputs(session)).toEqual(["hello"]);
    const [first, second] = await scene.events(session, "mcp_server_updated");
    expect(first).toMatchObject({ server: "one", state: "MCP_SERVER_STATE_NEEDS_APPROVAL" });
    expect(second).toMatchObject({ state: "MCP_SERVER_STATE_READY" });
    expect(second?.tools).toContain("one_echo");
    const [asked] = await scene.events(session, "approval_requested");
    expect(asked?.approval).toMatchObject({
      tool_call: {
        name: "mcp:one",
        arguments: { command: process.execPath, args: ["server.mjs"], work_dir: scene.workDir },
      },
    });
  });

  it("over HTTP: is sent the token that was stored for its origin, which nobody is shown", async () => {
    const scene = await open();
    const server = await openHttpPlace();
    scene.model(toolCall("one_echo", { text: "hello" }));
    const key = "mcp-token-0123456789";
    const id = encodeURIComponent(`mcp:${server.origin}`);
    const path = `/v1/providers/${id}/credential`;
    const stored = await scene.place.call("PUT", path, { api_key: key });
    expect(stored).toMatchObject({ status: 200, body: { origin: server.origin } });
    const session = await scene.session([{ name: "one", http: { url: server.url } }]);
    await scene.run(session);
    expect(await scene.outputs(session)).toEqual(["hello"]);
    expect(server.received.every(({ headers }) => headers.authorization === `Bearer ${key}`)).toBe(true);
    expect(JSON.stringify(await scene.place.history(session)) + scene.place.server.logs()).not.toContain(key);
    expect((await scene.place.call("GET", "/v1/providers")).body.providers).not.toContainEqual(
      expect.objectContaining({ id: expect.stringContaining("mcp") }),
    );
    expect(await scene.place.call("DELETE", path)).toMatchObject({ status: 200 });
    expect(await scene.place.call("DELETE", path)).toMatchObject({ status: 404 });
  });

  it("has to be approved again once no agent had it", async () => {
    const scene = await open();
    const asked = async (session: string) => {
      scene.model();
      await scene.run(session);
      return (await scene.events(session, "approval_requested")).length;
    };
    const one = await scene.session([scene.node()]);
    expect(await asked(one)).toBe(1);
    const two = await scene.session([scene.node()]);
    expect(await asked(two)).toBe(0);
    for (const session of [one, two]) {
      const { agent_id } = (await scene.place.call("GET", `/v1/sessions/${session}`)).body;
      expect(await scene.place.call("DELETE", `/v1/agents/${agent_id}`)).toMatchObject({ status: 200 });
    }
    expect(await asked(await scene.session([scene.node()]))).toBe(1);
  });

  it.each([
    ["no origin", "mcp:nonsense", {}],
    ["a path", "mcp:https://a.test/b", {}],
    ["plain http", "mcp:http://a.test", {}],
    ["no key", "mcp:https://a.test", { api_key: "" }],
    ["another address", "mcp:https://a.test", { base_url: "https://b.test" }],
  ])("takes no token for %s", async (_what, id, body) => {
    const { place } = await open();
    const path = `/v1/providers/${encodeURIComponent(id)}/credential`;
    expect(await place.call("PUT", path, { api_key: "k-0123456789", ...body })).toMatchObject({
      status: 400,
    });
  });
});

describe("the processes of MCP servers", () => {
  const begin = async (scene: McpScene) => {
    const mark = `mark-${randomUUID()}`;
    scene.model(toolCall("one_spawn", { text: mark }), toolCall("one_slow"));
    const session = await scene.session([scene.node({ args: ["server.mjs", mark] })]);
    const run = scene.run(session).catch(() => undefined);
    // The server itself, and the one that it has started in a session of its own.
    await expect.poll(async () => (await scene.outputs(session)).length, { timeout: 15_000 }).toBe(1);
    expect(alive(mark).length).toBeGreaterThan(1);
    return { mark, session, run };
  };

  it.each<[string, (scene: McpScene, session: string) => unknown]>([
    ["SIGKILL to the server", (scene) => scene.place.server.kill("SIGKILL")],
    ["SIGTERM to the server", (scene) => scene.place.server.stop()],
    ["the end of the session", (scene, session) => scene.place.call("DELETE", `/v1/sessions/${session}`)],
  ])("are gone after %s, with what they have started", async (_what, act) => {
    const scene = await open({ args: ["--drain", "0"] });
    const { mark, session, run } = await begin(scene);
    await act(scene, session);
    await expect.poll(() => alive(mark), { timeout: 5_000 }).toEqual([]);
    await run;
  });

  it("see nothing of the server's environment", async () => {
    const scene = await open({
      env: { CANARY_API_KEY: "canary-key-0123456789", AGENTRY_CANARY: "canary-b", OTHER: "canary-c" },
    });
    scene.model(toolCall("one_environment"));
    const session = await scene.session([scene.node({ env: { MINE: "mine" } })]);
    await scene.run(session);
    const [output = ""] = await scene.outputs(session);
    expect(output).toContain('"MINE":"mine"');
    expect(output).not.toContain("canary");
  });
});

describe("a browser that comes back from an authorization", () => {
  const foreign = { origin: "https://evil.test", "sec-fetch-site": "cross-site" };

  it("resolves the question, though it comes from another site and without a token", async () => {
    const scene = await open({ args: ["--auth", "token"], env: { AGENTRY_TOKEN: "e2e-token-0123456789" } });
    const { url } = scene.place.server;
    const authorization = await openAuthorizationServer();
    const server = await openHttpPlace({ before: authorization.guard });
    const call = async (method: string, path: string, body?: object) => {
      const headers = { authorization: "Bearer e2e-token-0123456789" };
      return (await scene.place.call(method, path, body, headers)).body;
    };
    const model = { provider: "anthropic", name: "fake-1" };
    const key = { api_key: "e2e-key-0123456789", base_url: scene.place.upstream.url };
    await call("PUT", "/v1/providers/anthropic/credential", key);
    const rules = [{ effect: "RULE_EFFECT_ALLOW", tool: "mcp:one" }];
    const mcpServers = [{ name: "one", http: { url: server.url } }];
    const agent = await call("POST", "/v1/agents", { name: "a", model, rules, mcp_servers: mcpServers });
    const { id } = await call("POST", "/v1/sessions", { agent_id: agent.id, title: "t" });
    const run = await call("POST", `/v1/sessions/${id}/runs`, { input: { text: "go" } });
    const asked = async () => (await call("GET", `/v1/sessions/${id}/elicitations`)).elicitations ?? [];
    await expect.poll(async () => (await asked()).length).toBe(1);
    const [question] = await asked();
    const back = new URL(await authorization.visit(question.url));
    expect(back.origin + back.pathname).toBe(`http://127.0.0.1:${scene.place.server.port}/oauth/callback`);
    const headers = { "sec-fetch-site": "cross-site" };
    expect((await fetch(back, { headers })).status).toBe(200);
    expect((await fetch(back, { headers })).status).toBe(400);
    await expect
      .poll(async () => (await call("GET", `/v1/runs/${run.id}`)).state, { timeout: 10_000 })
      .toBe("RUN_STATE_FINISHED");
    const code = back.searchParams.get("code") ?? "none";
    const events = await (
      await fetch(`${url}/v1/sessions/${id}/events?follow=false`, {
        headers: { accept: "text/event-stream", authorization: "Bearer e2e-token-0123456789" },
      })
    ).text();
    expect(events).toContain("MCP_SERVER_STATE_READY");
    expect(events).toContain("ELICITATION_STATE_ACCEPTED");
    for (const secret of [code, ...authorization.tokens, ...authorization.refreshing])
      expect(events + scene.place.server.logs()).not.toContain(secret);
  });

  it.each([
    ["with no state that is known", "GET", "/oauth/callback?code=x&state=y", foreign, 400],
    ["with nothing", "GET", "/oauth/callback", foreign, 400],
    ["by POST", "POST", "/oauth/callback?code=x&state=y", foreign, 403],
    ["below the path", "GET", "/oauth/callback/x", foreign, 403],
    ["beside the path", "GET", "/oauth/callbacks", foreign, 403],
    ["to the API", "GET", "/v1/agents", foreign, 403],
    ["without a token, to the API", "GET", "/v1/agents", {}, 401],
  ])("%s: %s %s", async (_what, method, path, headers, status) => {
    const { place } = await open({
      args: ["--auth", "token"],
      env: { AGENTRY_TOKEN: "e2e-token-0123456789" },
    });
    const response = await fetch(place.server.url + path, { method, headers });
    expect(response.status).toBe(status);
    expect(await response.text()).not.toContain("evil");
  });
});
