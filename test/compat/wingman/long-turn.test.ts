import { afterAll, beforeAll, expect, it } from "vitest";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { anthropicAnswer, startFakeUpstream } from "../../support/fake-upstream.js";
import type { Client } from "./client.js";
import { openClient, toFrames } from "./client.js";

let model: FakeUpstream;
let client: Client;
beforeAll(async () => {
  const call = { id: "toolu_sleep", name: "bash", input: { command: "sleep 62; echo awake" } };
  model = await startFakeUpstream(({ body }) => ({
    body: anthropicAnswer(body.includes("toolu_sleep") ? ["Good morning."] : [call]),
  }));
  client = await openClient(model.url);
});
afterAll(() => model.close());

// A minute is what every request had: a longer turn was cut, streamed or not.
it("outlives a minute, and shows meanwhile that it lives", { timeout: 100_000 }, async () => {
  const body = { agent_id: await client.newAgent(), message: "Sleep." };
  const [whole, streamed] = await Promise.all([
    client.send("POST", `/sessions/${await client.newSession()}/message`, body),
    client.send("POST", `/sessions/${await client.newSession()}/message/stream`, body),
  ]);
  expect([whole.status, whole.json.response]).toEqual([200, "Good morning."]);
  expect(whole.json.tool_calls[0]).toMatchObject({ output: "awake\n" });
  expect(streamed.text).toContain("\n: ping\n");
  const frames = toFrames(streamed.text);
  expect(frames.at(-1)!.event).toBe("done");
  expect(frames.filter(({ event }) => event === "error")).toEqual([]);
});
