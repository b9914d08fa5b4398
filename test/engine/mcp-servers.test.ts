import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ElicitationState, RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { Role, ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { RuleEffect } from "../../gen/agentry/v1/rule_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { serverToolName } from "../../src/engine/server-tool-name.js";
import { openAuthorizationServer } from "../tools/mcp/authorization-server.js";
import { openHttpPlace } from "../tools/mcp/http-place.js";
import { http, stdio } from "../tools/mcp/mcp-place.js";
import { useStdioProgram } from "../tools/mcp/stdio-program.js";
import { openMcpRoom, states } from "./mcp-room.js";
import type { Script } from "./room.js";
import { bodies, calls, ending, kinds, says, tool } from "./room.js";

const program = useStdioProgram();
const trusted = { effect: RuleEffect.ALLOW, tool: "mcp:one", pattern: "" };
const callsOnce =
  (name: string, input: object = {}): Script =>
  (_request, number) =>
    number === 1 ? calls({ name, input }) : says("done");

describe("a tool of a server", () => {
  it("is called, and its result is in the history", async () => {
    const room = await openMcpRoom(callsOnce("one_echo", { text: "hello" }), { program: program.path });
    const id = await room.session({ agent: { mcpServers: [stdio()] } });
    const { events } = await room.run(id);
    expect(bodies(events, "toolCallFinished")[0]?.result).toMatchObject({
      status: ToolCallStatus.SUCCEEDED,
      output: "hello",
    });
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
    expect(JSON.stringify(room.requests[1]?.messages.at(-1)?.parts)).toContain("hello");
    expect(room.bugs).toEqual([]);
  });

  it("waits for an approval of its own, whatever the server says that it only reads", async () => {
    const { url } = await openHttpPlace();
    const room = await openMcpRoom(callsOnce("one_echo", { text: "a\u202eb" }));
    const id = await room.session({
      agent: { mcpServers: [http(url)], rules: [trusted] },
      mode: ApprovalMode.ASK,
    });
    const { approvals } = await room.run(id);
    expect(approvals).toMatchObject([
      { toolCall: { name: "one_echo" }, summary: expect.stringContaining("a\\u202eb") },
    ]);
  });

  it("obeys rules by its name", async () => {
    const { url } = await openHttpPlace();
    const room = await openMcpRoom(callsOnce("one_echo"));
    const denied = { effect: RuleEffect.DENY, tool: "one_*", pattern: "" };
    const id = await room.session({ agent: { mcpServers: [http(url)], rules: [trusted, denied] } });
    const { events } = await room.run(id);
    expect(bodies(events, "toolCallFinished")[0]?.result?.status).toBe(ToolCallStatus.DENIED);
  });
});

describe("the name of a tool", () => {
  it.each([
    ["github", "create_issue", "github_create_issue"],
    ["a-1", "b", "a-1_b"],
    ["one", "repo.search", /^one_repo_search_[0-9a-f]{8}$/],
    ["one", ";touch X", /^one__touch_X_[0-9a-f]{8}$/],
    ["one", "\u00e9", /^one___[0-9a-f]{8}$/],
    ["one", "x".repeat(100), /^one_x{51}_[0-9a-f]{8}$/],
    ["user", "prompt", /^user_prompt_[0-9a-f]{8}$/],
  ])("%s, %s", (server, name, expected) => {
    const found = serverToolName(server, name, new Set(["user_prompt"]));
    expect(found).toMatch(expected);
    expect(found).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  it.each([
    [
      "that no model can be given",
      ["x".repeat(200), "y"],
      [],
      /^1 of the tools that the MCP server one offers are left/,
    ],
    [
      "that the server does not offer",
      [],
      ["echo", "ecoh"],
      /^The MCP server one has no tool .* the name "ecoh"\.$/,
    ],
  ])("%s is warned of once", async (_what, names, wanted, expected) => {
    const more = names.map((name) => ({ name, inputSchema: { type: "object" as const } }));
    const { url } = await openHttpPlace({ more });
    const room = await openMcpRoom((_request, number) =>
      number === 1 ? calls({ name: "one_echo", input: { text: "a" } }) : says("done"),
    );
    const { events } = await room.run(
      await room.session({ agent: { mcpServers: [http(url, { tools: wanted })] } }),
    );
    expect(bodies(events, "warningRaised").map(({ message }) => message)).toEqual([
      expect.stringMatching(expected),
    ]);
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("is never that of another tool", async () => {
    const more = ["prompt", "a.b", "a_b", ";touch X", "$(touch X)", "x".repeat(90), "__proto__"].map(
      (name) => ({
        name,
        inputSchema: { type: "object" as const },
      }),
    );
    const { url } = await openHttpPlace({ more });
    const builtin = tool("user_prompt");
    const script: Script = (request, number) =>
      number > 1 ? says("done") : calls(...request.tools.map(({ name }) => ({ name })).slice(0, 8));
    const room = await openMcpRoom(script, { tools: [builtin] });
    const server = http(url, { name: "user", tools: more.map(({ name }) => name) });
    const id = await room.session({
      agent: { mcpServers: [server], rules: [{ ...trusted, tool: "mcp:user" }] },
    });
    const { events } = await room.run(id);
    const names = room.requests[0]!.tools.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(more.length + 1);
    expect(names[0]).toBe("user_prompt");
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toBe("done");
    expect(existsSync("X") || existsSync(join(room.workDir, "X"))).toBe(false);
  });
});

describe("a server that fails", () => {
  it.each([
    ["cannot be started", { command: "/nowhere/server" }],
    ["ends at once", { args: ["-e", "process.exit(1)"] }],
    ["never answers", { args: ["-e", "setInterval(() => {}, 999)"] }],
  ])("because it %s: the run completes with a warning, and the next one tries again", async (_what, init) => {
    const room = await openMcpRoom(callsOnce("one_echo"), { program: program.path, answerMs: 1_000 });
    const id = await room.session({ agent: { mcpServers: [stdio(init)], rules: [trusted] } });
    const { events } = await room.run(id);
    expect(states(events)).toEqual(["FAILED"]);
    expect(bodies(events, "warningRaised")).toHaveLength(1);
    expect(bodies(events, "warningRaised")[0]?.message).toMatch(
      /^The run goes on without the MCP server one: \S/,
    );
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
    expect((await room.run(id)).states).toEqual(["FAILED"]);
  });

  it("in the middle of a run: the call fails, its tools are gone, and the next run starts it again", async () => {
    const room = await openMcpRoom(callsOnce("one_crash"), { program: program.path });
    const id = await room.session({ agent: { mcpServers: [stdio()], rules: [trusted] } });
    const { events } = await room.run(id);
    expect(bodies(events, "toolCallFinished")[0]?.result).toMatchObject({
      status: ToolCallStatus.FAILED,
      output: expect.stringContaining("code 3: it is all too much"),
    });
    expect(states(events)).toEqual([expect.stringContaining("READY"), "FAILED"]);
    expect(room.requests[1]?.tools).toEqual([]);
    expect((await room.run(id)).states).toEqual([expect.stringContaining("READY")]);
  });

  it("does not take the tools of another server with it", async () => {
    const { url } = await openHttpPlace();
    const room = await openMcpRoom(() => says("done"), { program: program.path });
    const two = http(url, { name: "two", tools: ["echo"] });
    const rules = [trusted, { ...trusted, tool: "mcp:two" }];
    const id = await room.session({ agent: { mcpServers: [stdio({ command: "/nowhere" }), two], rules } });
    expect((await room.run(id)).states.sort()).toEqual(["FAILED", "READY two_echo"]);
  });
});

describe("a question of a server", () => {
  it("during a call is that call's", async () => {
    const { url } = await openHttpPlace();
    const room = await openMcpRoom(callsOnce("one_ask_page"));
    const id = await room.session({ agent: { mcpServers: [http(url)], rules: [trusted] } });
    const run = await room.start(id, "go");
    await expect.poll(async () => (await room.store.elicitations.list({})).length).toBe(1);
    const [question] = await room.store.elicitations.list({});
    expect(question).toMatchObject({ url: "https://example.com/visit?x=1", message: "Visit it." });
    await room.engine.elicitations.resolve(question!.id, { state: ElicitationState.ACCEPTED });
    const events = await room.finished(run);
    const { toolCall } = bodies(events, "toolCallStarted")[0]!;
    expect(bodies(events, "elicitationRequested")[0]?.elicitation?.toolCallId).toBe(toolCall?.id);
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toBe('{"action":"accept"}');
  });

  it("that its call did not wait for is canceled with the call", async () => {
    const room = await openMcpRoom(callsOnce("one_ask_and_return"), { program: program.path });
    const id = await room.session({ agent: { mcpServers: [stdio()], rules: [trusted] } });
    const { events } = await room.run(id);
    expect(kinds(events).filter((kind) => /^(elicitation|toolCall)/.test(kind))).toEqual([
      "toolCallStarted",
      "elicitationRequested",
      "elicitationResolved",
      "toolCallFinished",
    ]);
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toBe("it did not wait");
    expect(await room.store.elicitations.list({ state: ElicitationState.PENDING })).toEqual([]);
  });

  it("outside of a call is nobody's, and is canceled with the run", async () => {
    const { url } = await openHttpPlace();
    const asked = Promise.withResolvers<void>();
    const room = await openMcpRoom(async function* (_request, number) {
      if (number === 1) return yield* calls({ name: "one_ask_later" });
      await asked.promise;
      yield* says("done");
    });
    const id = await room.session({ agent: { mcpServers: [http(url)], rules: [trusted] } });
    const run = await room.start(id, "go");
    await expect.poll(async () => (await room.store.elicitations.list({})).length).toBe(1);
    asked.resolve();
    const events = await room.finished(run);
    expect(bodies(events, "elicitationRequested")[0]?.elicitation).toMatchObject({ toolCallId: "" });
    expect(bodies(events, "elicitationResolved")[0]?.elicitation?.state).toBe(ElicitationState.CANCELED);
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
    // The server is told as well.
    room.answer((request) =>
      request.messages.at(-1)?.role === Role.TOOL ? says("done") : calls({ name: "one_answered" }),
    );
    const { events: later } = await room.run(id);
    expect(bodies(later, "toolCallFinished")[0]?.result?.output).toBe("cancel");
  });
});

describe("a server that wants to be authorized", () => {
  async function openScene() {
    const authorization = await openAuthorizationServer();
    const server = await openHttpPlace({ before: authorization.guard });
    const room = await openMcpRoom(() => says("done"));
    const mcpServers = [http(server.url, { tools: ["echo"] })];
    const id = await room.session({ agent: { mcpServers, rules: [trusted] } });
    const run = await room.start(id, "go");
    await expect.poll(async () => (await room.store.elicitations.list({})).length).toBe(1);
    const [question] = await room.store.elicitations.list({});
    return { authorization, room, run, question: question!, id };
  }

  it("is an event with a page, that a client answers with the address; nothing keeps what is in it", async () => {
    const { authorization, room, run, question } = await openScene();
    expect(question).toMatchObject({ toolCallId: "", url: expect.stringContaining("/authorize?") });
    const address = await authorization.visit(question.url);
    await room.engine.elicitations.resolve(question.id, {
      state: ElicitationState.ACCEPTED,
      content: { redirect_url: address },
    });
    const events = await room.finished(run);
    expect(states(events)).toEqual(["NEEDS_AUTHORIZATION", "READY one_echo"]);
    expect(bodies(events, "elicitationResolved")[0]?.elicitation?.state).toBe(ElicitationState.ACCEPTED);
    const kept = JSON.stringify([events, await room.store.elicitations.list({})], (_key, value) =>
      typeof value === "bigint" ? Number(value) : value,
    );
    expect(kept).not.toContain(new URL(address).searchParams.get("code"));
    expect(kept).not.toMatch(/access-|refresh-/);
  });

  it("is answered by the browser that comes back", async () => {
    const { authorization, room, run, question } = await openScene();
    const back = new URL(await authorization.visit(question.url));
    expect(room.toolServers.takeReturn(back.searchParams)).toBe(true);
    const events = await room.finished(run);
    expect(states(events)).toEqual(["NEEDS_AUTHORIZATION", "READY one_echo"]);
    expect(bodies(events, "elicitationResolved")[0]?.elicitation?.state).toBe(ElicitationState.ACCEPTED);
  });

  it("is left out when the user says no", async () => {
    const { room, run, question } = await openScene();
    await room.engine.elicitations.resolve(question.id, { state: ElicitationState.DECLINED });
    const events = await room.finished(run);
    expect(states(events)).toEqual(["NEEDS_AUTHORIZATION", "DENIED"]);
    expect(bodies(events, "warningRaised")[0]?.message).toContain("the user did not authorize it");
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("stops the run no less than anything when it is canceled", async () => {
    const { room, run, id } = await openScene();
    await room.engine.cancel(run.id);
    expect(ending(await room.finished(run)).outcome).toBe(RunOutcome.CANCELED);
    expect(await room.engine.deleteSession(id)).toBe(true);
  });
});
