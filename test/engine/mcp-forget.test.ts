import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openHttpPlace } from "../tools/mcp/http-place.js";
import { http, stdio } from "../tools/mcp/mcp-place.js";
import { useStdioProgram } from "../tools/mcp/stdio-program.js";
import type { McpRoom } from "./mcp-room.js";
import { openMcpRoom } from "./mcp-room.js";
import { says } from "./room.js";

const program = useStdioProgram();

async function openScene() {
  const room = await openMcpRoom(() => says("done"), { program: program.path });
  const agentOf = async (session: string) => (await room.store.sessions.get(session))!.agentId;
  return {
    room,
    session: (...mcpServers: ReturnType<typeof stdio>[]) => room.session({ agent: { mcpServers } }),
    asked: async (session: string) => (await room.run(session)).approvals.length,
    async deleteAgent(session: string) {
      await room.store.agents.delete(await agentOf(session));
      await room.engine.forgetServers();
    },
    async changeAgent(session: string, ...mcpServers: ReturnType<typeof stdio>[]) {
      const agent = (await room.store.agents.get(await agentOf(session)))!;
      await room.store.agents.update({ ...agent, mcpServers });
      await room.engine.forgetServers();
    },
  };
}

const trusted = async ({ store }: McpRoom) => (await store.documents.list("mcp.trust")).length;

describe("what was approved of a server", () => {
  it.each([
    ["over HTTP", async () => http((await openHttpPlace()).url)],
    ["over stdio", async () => stdio()],
  ])("%s is kept until no agent has it", async (_how, open) => {
    const server = await open();
    const { room, session, asked, deleteAgent } = await openScene();
    const [one, two] = [await session(server), await session(server)];
    expect(await asked(one)).toBe(1);
    await deleteAgent(one);
    expect(await asked(two)).toBe(0);
    await deleteAgent(two);
    expect(await trusted(room)).toBe(0);
    expect(await asked(await session(server))).toBe(1);
  });

  it("is forgotten when its agent has another one in its place", async () => {
    const { session, asked, changeAgent } = await openScene();
    const one = await session(stdio());
    expect(await asked(one)).toBe(1);
    await changeAgent(one, stdio({ env: { A: "1" } }));
    await changeAgent(one, stdio());
    expect(await asked(one)).toBe(1);
  });

  it("is kept for every working directory and list of hosts that its agent has been used with", async () => {
    const { room, session, asked, changeAgent } = await openScene();
    const one = await session(stdio());
    expect(await asked(one)).toBe(1);
    mkdirSync(join(room.workDir, "sub"));
    const elsewhere = await room.session({
      agent: { mcpServers: [stdio()], allowedHosts: ["a.test"] },
      workDir: join(room.workDir, "sub"),
    });
    expect(await asked(elsewhere)).toBe(1);
    await changeAgent(one, stdio(), http("http://127.0.0.1:1/"));
    expect(await trusted(room)).toBe(2);
    expect(await asked(elsewhere)).toBe(0);
  });
});

describe("the tokens for a server", () => {
  it("are forgotten when no agent has its address, and no other secret is", async () => {
    const { room, session, deleteAgent, changeAgent } = await openScene();
    const { kept } = room.memory;
    for (const id of [
      "mcp-oauth:https://a.test/",
      "mcp-oauth:https://b.test/mcp",
      "mcp:https://a.test",
      "openai",
    ])
      kept.set(id, { text: "secret", origin: "https://a.test" });
    const one = await session(http("https://a.test"), { ...http("https://b.test/mcp"), name: "two" });
    await room.engine.forgetServers();
    expect(kept.size).toBe(4);
    await changeAgent(one, http("https://a.test"));
    expect([...kept.keys()]).toEqual(["mcp-oauth:https://a.test/", "mcp:https://a.test", "openai"]);
    await deleteAgent(one);
    expect([...kept.keys()]).toEqual(["mcp:https://a.test", "openai"]);
  });
});
