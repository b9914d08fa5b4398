import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import type { Client } from "./client.js";
import { openClient, toFrames } from "./client.js";
import { startModel } from "./model.js";

let model: FakeUpstream;
let client: Client;
beforeAll(async () => {
  model = await startModel();
  client = await openClient(model.url);
});
afterAll(() => model.close());

async function newFleet(init: object = {}): Promise<string> {
  const fleet = { name: "f", agent_id: await client.newAgent(), work_dir: "/tmp", ...init };
  return (await client.send("POST", "/fleets", fleet)).json.id;
}

describe("a fleet", () => {
  it("comes back as it was written, in this order", async () => {
    const agentId = await client.newAgent();
    const created = await client.send("POST", "/fleets", { name: "f", agent_id: agentId, work_dir: "/tmp" });
    expect(created.status).toBe(201);
    const { id, created_at: at } = created.json;
    expect(created.text).toBe(
      `{"id":"${id}","name":"f","agent_id":"${agentId}","worker_count":0,"work_dir":"/tmp","status":"stopped","created_at":"${at}","updated_at":"${at}"}`,
    );
    expect((await client.send("GET", `/fleets/${id}`)).text).toBe(created.text);
    expect((await client.send("GET", "/fleets")).json[0]).toEqual(created.json);
  });

  it.each([
    ["x", 400, "invalid request body"],
    [undefined, 400, "invalid request body"],
    ["{}", 400, "name is required"],
    ['{"name":"f"}', 400, "agent_id is required"],
    ['{"name":"f","agent_id":"none"}', 404, "agent not found: none"],
    ['{"name":"f","agent_id":"x","worker_count":1.5}', 400, "invalid request body"],
  ])("written as %s is refused", async (body, status, error) => {
    const reply = await client.send("POST", "/fleets", body);
    expect([reply.status, reply.json.error]).toEqual([status, error]);
  });

  it("changes, but for its agent", async () => {
    const id = await newFleet();
    const before = (await client.send("GET", `/fleets/${id}`)).json;
    const changed = await client.send("PUT", `/fleets/${id}`, {
      worker_count: 2,
      agent_id: "other",
      name: "g",
    });
    expect(changed.json).toMatchObject({
      agent_id: before.agent_id,
      worker_count: 2,
      name: "g",
      work_dir: "/tmp",
    });
  });

  it("is deleted once", async () => {
    const id = await newFleet();
    await client.send("POST", `/fleets/${id}/run`, { tasks: [{ message: "a" }] });
    expect((await client.send("DELETE", `/fleets/${id}`)).json).toEqual({ status: "deleted" });
    for (const [method, path] of [
      ["DELETE", ""],
      ["GET", ""],
      ["GET", "/runs"],
      ["PUT", ""],
      ["POST", "/run"],
    ]) {
      const reply = await client.send(method!, `/fleets/${id}${path}`, method === "GET" ? undefined : {});
      expect([reply.status, reply.json.error]).toEqual([404, `fleet not found: ${id}`]);
    }
  });
});

describe("a run of a fleet", () => {
  const tasks = [
    { message: "slow 200 a", data: { k: [1, null] } },
    { message: "fail400" },
    { message: "c", instructions: "Other ones.", data: "x" },
    { message: "" },
  ];
  const expected = [
    { task_index: 0, worker_name: "worker-0", response: "re: slow 200 a", steps: 1, data: { k: [1, null] } },
    {
      task_index: 1,
      worker_name: "worker-1",
      error: expect.stringMatching(/^inference failed: anthropic: /),
      steps: 0,
    },
    { task_index: 2, worker_name: "worker-2", response: "re: c", steps: 1, data: "x" },
    { task_index: 3, worker_name: "worker-3", error: "message is required", steps: 0 },
  ];
  const withoutSession = (result: object) =>
    Object.fromEntries(Object.entries(result).filter(([name]) => name !== "session_id"));

  it("answers in the order of the tasks, and one that fails fails alone", async () => {
    const id = await newFleet();
    const reply = await client.send("POST", `/fleets/${id}/run`, { tasks });
    expect(reply.status).toBe(200);
    expect(reply.json.map(withoutSession)).toEqual(expected);
    expect((await client.send("GET", `/fleets/${id}/runs`)).json[0]).toMatchObject({
      tasks: 4,
      results: reply.json,
    });
    const asked = model.requests.find(({ body }) => body.includes("Other ones."));
    expect(asked?.body).toContain('"c"');
    const session = await client.send("GET", `/sessions/${reply.json[0].session_id}`);
    expect(session.json.history).toHaveLength(2);
  });

  it("streams results as they come, then done", async () => {
    const id = await newFleet();
    const frames = toFrames((await client.send("POST", `/fleets/${id}/run/stream`, { tasks })).text);
    expect(frames.map(({ event }) => event)).toEqual(["result", "result", "result", "result", "done"]);
    expect(frames.at(-1)!.data).toBe("{}");
    const order = frames.slice(0, 4).map(({ json }) => json.task_index);
    expect(order.at(-1)).not.toBe(2);
    expect(order.indexOf(0)).toBeGreaterThan(order.indexOf(2));
    const results = frames.slice(0, 4).map(({ json }) => withoutSession(json));
    expect(results.sort((a, b) => Number(a.task_index) - Number(b.task_index))).toEqual(expected);
  });

  it("has no more tasks under way than it has workers", async () => {
    const id = await newFleet({ worker_count: 1 });
    const slowFirst = [{ message: "slow 150 a" }, { message: "b" }];
    const frames = toFrames(
      (await client.send("POST", `/fleets/${id}/run/stream`, { tasks: slowFirst })).text,
    );
    expect(frames.slice(0, 2).map(({ json }) => json.task_index)).toEqual([0, 1]);
  });

  it("goes on without its caller, and nothing is lost", async () => {
    const id = await newFleet();
    const asked = model.requests.length;
    const leave = new AbortController();
    const body = JSON.stringify({ tasks: [{ message: "slow 200 a" }, { message: "slow 200 b" }] });
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: leave.signal,
    };
    const sent = fetch(`${client.server.url}/fleets/${id}/run`, init).catch(() => "left");
    await expect.poll(() => model.requests.length).toBe(asked + 2);
    leave.abort();
    expect(await sent).toBe("left");
    const responses = async () =>
      (await client.send("GET", `/fleets/${id}/runs`)).json[0].results.map(
        ({ response }: { response: string }) => response,
      );
    await expect.poll(responses).toEqual(["re: slow 200 a", "re: slow 200 b"]);
  });

  it.each([
    ["{}", 400, "tasks is required"],
    ['{"tasks":[]}', 400, "tasks is required"],
    ['{"tasks":"x"}', 400, "invalid request body"],
    ["x", 400, "invalid request body"],
    [undefined, 400, "invalid request body"],
  ])("written as %s is refused in both ways", async (body, status, error) => {
    const id = await newFleet();
    for (const path of ["run", "run/stream"]) {
      const reply = await client.send("POST", `/fleets/${id}/${path}`, body);
      expect([reply.status, reply.json.error]).toEqual([status, error]);
    }
  });

  it("needs its agent", async () => {
    const agentId = await client.newAgent();
    const id = await newFleet({ agent_id: agentId });
    await client.send("DELETE", `/agents/${agentId}`);
    const reply = await client.send("POST", `/fleets/${id}/run`, { tasks: [{ message: "a" }] });
    expect([reply.status, reply.json.error]).toEqual([404, `agent not found: ${agentId}`]);
  });
});
