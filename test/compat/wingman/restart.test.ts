import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import type { Client } from "./client.js";
import { openClient } from "./client.js";
import { startModel } from "./model.js";

let model: FakeUpstream;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model.close());

const paths = ["/agents", "/sessions", "/fleets", "/provider/auth"];
const stateOf = (client: Client) =>
  Promise.all(paths.map(async (path) => (await client.send("GET", path)).text));

async function fill(client: Client) {
  const agentId = await client.newAgent({ provider: { id: "anthropic", model: "m", temperature: 0.7 } });
  await client.newAgent({ tools: ["bogus"], options: { x: 1 } });
  const sessionId = await client.newSession();
  await client.send("POST", `/sessions/${sessionId}/message`, { agent_id: agentId, message: "hi" });
  const fleet = await client.send("POST", "/fleets", { name: "f", agent_id: agentId });
  await client.send("POST", `/fleets/${fleet.json.id}/run`, { tasks: [{ message: "a" }] });
  return { agentId, sessionId, fleetId: fleet.json.id };
}

describe("what was written is there again after", () => {
  it.each([
    ["a restart", (client: Client) => client.server.stop()],
    ["a crash", (client: Client) => client.server.kill()],
  ])("%s: agents, sessions, keys and fleets", async (_, end) => {
    const before = await openClient(model.url);
    const { agentId, sessionId, fleetId } = await fill(before);
    const state = await stateOf(before);
    const runs = (await before.send("GET", `/fleets/${fleetId}/runs`)).text;
    await end(before);
    const after = await openClient(model.url, { dataDir: before.server.dataDir });
    expect(await stateOf(after)).toEqual(state);
    expect((await after.send("GET", `/fleets/${fleetId}/runs`)).text).toBe(runs);
    const next = await after.send("POST", `/sessions/${sessionId}/message`, {
      agent_id: agentId,
      message: "again",
    });
    expect(next.json.response).toBe("re: again");
  });

  it("a crash in the middle of a turn: what was said, and a session that goes on", async () => {
    const before = await openClient(model.url);
    const agentId = await before.newAgent();
    const id = await before.newSession();
    const asked = model.requests.length;
    const body = { agent_id: agentId, message: "slow 20000 lost" };
    const sent = before.send("POST", `/sessions/${id}/message`, body).catch(() => "cut");
    await expect.poll(() => model.requests.length).toBeGreaterThan(asked);
    await before.server.kill();
    expect(await sent).toBe("cut");
    const after = await openClient(model.url, { dataDir: before.server.dataDir });
    const { history } = (await after.send("GET", `/sessions/${id}`)).json;
    expect(history[0]).toEqual({ role: "user", content: [{ type: "text", text: "slow 20000 lost" }] });
    const next = await after.send("POST", `/sessions/${id}/message`, { agent_id: agentId, message: "again" });
    expect(next.json.response).toBe("re: again");
  });
});
