import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { expect, it, onTestFinished } from "vitest";
import { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import { systemClock } from "../../src/core/clock.js";
import { createRedactor } from "../../src/core/redactor.js";
import { createLogger } from "../../src/server/logger.js";
import { createTokenStore } from "../../src/server/token-store.js";
import { watchAgents } from "../../src/server/watch-agents.js";
import { openSqliteStore } from "../../src/store/sqlite/open.js";
import { createVault } from "../../src/store/vault/vault.js";
import { http } from "../tools/mcp/mcp-place.js";

async function openStore() {
  const store = await openSqliteStore({ path: ":memory:", clock: systemClock });
  onTestFinished(() => store.close());
  return store;
}

it("tells when an agent that had MCP servers is changed or deleted", async () => {
  let losses = 0;
  const store = await openStore();
  const { agents } = watchAgents(store, async () => {
    losses += 1;
  });
  const plain = create(AgentSchema, { id: "plain", name: "plain" });
  const equipped = create(AgentSchema, { id: "equipped", mcpServers: [http("https://a.test/")] });
  await agents.insert(plain);
  await agents.insert(equipped);
  expect(await agents.update({ ...plain, mcpServers: equipped.mcpServers })).toBe(true);
  expect(await agents.update({ ...equipped, id: "none" })).toBe(false);
  expect(losses).toBe(0);
  expect(await agents.update({ ...equipped, mcpServers: [] })).toBe(true);
  expect(losses).toBe(1);
  expect(await agents.delete("equipped")).toBe(true);
  expect(losses).toBe(1);
  expect(await agents.delete("plain")).toBe(true);
  expect(await agents.delete("plain")).toBe(false);
  expect(losses).toBe(2);
  expect(await store.agents.get("plain")).toBeUndefined();
});

it("tokens are stored by their ids, listed and forgotten", async () => {
  const { credentials } = await openStore();
  const redactor = createRedactor();
  const vault = createVault({ rows: credentials, key: randomBytes(32), redactor, clock: systemClock });
  const tokens = createTokenStore(vault, createLogger({ level: "error", redactor }));
  await tokens.put("mcp-oauth:https://a.test/", "token-a", "https://a.test");
  await tokens.put("mcp:https://a.test", "token-b", "https://a.test");
  expect(await tokens.list("mcp-oauth:")).toEqual(["mcp-oauth:https://a.test/"]);
  await tokens.delete("mcp-oauth:https://a.test/");
  await tokens.delete("mcp-oauth:https://a.test/");
  expect(await tokens.open("mcp-oauth:https://a.test/")).toBeUndefined();
  expect(await tokens.open("mcp:https://a.test")).toBe("token-b");
});
