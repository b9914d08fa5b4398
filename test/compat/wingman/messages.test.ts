import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import type { Client, Frame } from "./client.js";
import { openClient } from "./client.js";
import { startModel } from "./model.js";

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

async function ask(message: string, init: object = {}) {
  const body = { agent_id: await client.newAgent(init), message };
  const id = await client.newSession(workDir);
  const reply = await client.send("POST", `/sessions/${id}/message`, body);
  return { id, body, reply, history: async () => (await client.send("GET", `/sessions/${id}`)).json.history };
}

async function stream(message: string, query = "", init: object = {}): Promise<Frame[]> {
  const body = { agent_id: await client.newAgent(init), message };
  return client.stream(await client.newSession(workDir), body, query);
}

const names = (frames: Frame[]) => frames.map(({ event }) => event);
const of = (frames: Frame[], event: string) =>
  frames.filter((frame) => frame.event === event).map(({ json }) => json);

describe("a message", () => {
  it("is answered with every text of the last answer, not the first alone", async () => {
    expect((await ask("blocks")).reply.json.response).toBe("First. Second.");
  });

  it("tells of each tool call: id, name, input, output and why it failed", async () => {
    const { reply, history } = await ask("tools");
    expect(reply.status).toBe(200);
    const { response, tool_calls, usage, steps } = reply.json;
    expect({ response, usage, steps }).toEqual({
      response: "Done.",
      usage: { input_tokens: 20, output_tokens: 10 },
      steps: 2,
    });
    const [worked, failed, unknown] = tool_calls;
    expect(worked).toMatchObject({ id: "toolu_1", name: "bash", input: { command: "echo hi; echo er >&2" } });
    expect(worked.output).toContain("hi");
    expect(worked).not.toHaveProperty("error");
    expect(failed).toMatchObject({ id: "toolu_2", name: "bash", is_error: true });
    expect(failed.output).toContain("out");
    expect(failed.error).toContain("3");
    expect(unknown).toMatchObject({ id: "toolu_3", name: "nosuch", input: {}, is_error: true });
    expect(unknown.error).toContain("nosuch");
    const [, , results] = await history();
    expect(results.role).toBe("user");
    expect(results.content.map((block: { tool_use_id: string }) => block.tool_use_id)).toEqual([
      "toolu_1",
      "toolu_2",
      "toolu_3",
    ]);
    expect(results.content[0]).not.toHaveProperty("is_error");
    expect(results.content[1].is_error).toBe(true);
  });

  it.each([
    ["", "invalid request body", 400],
    ["x", "invalid request body", 400],
    ['{"message":5}', "invalid request body", 400],
    ["{}", "message is required", 400],
    ['{"message":"","agent_id":"a"}', "message is required", 400],
    ['{"message":"hi"}', "agent_id is required", 400],
    ['{"message":"hi","agent_id":"none"}', "agent not found: none", 404],
  ])("written as %s is refused, alike in both ways of sending", async (body, error, status) => {
    const id = await client.newSession();
    for (const path of ["message", "message/stream"]) {
      const reply = await client.send("POST", `/sessions/${id}/${path}`, body);
      expect([reply.status, reply.json.error]).toEqual([status, error]);
      expect(reply.headers.get("content-type")).toBe("application/json");
    }
  });

  it("goes to an agent that says whom to ask", async () => {
    const { reply } = await ask("hi", { provider: "anthropic", model: "" });
    expect([reply.status, reply.json.error]).toEqual([500, "agent has no provider configured"]);
    const frames = await stream("hi", "", { provider: "", model: "m" });
    expect(names(frames)).toEqual(["error"]);
    expect(frames[0]!.json.error).toBe("agent has no provider configured");
  });

  it("goes to a provider that there is", async () => {
    const { reply } = await ask("hi", { provider: "zzz" });
    expect(reply.status).toBe(400);
    expect(reply.json.error).toBe('failed to instantiate provider "zzz": provider not found: zzz');
  });

  it("takes the settings of either form to the model", async () => {
    const outputSchema = { type: "object", properties: { answer: { type: "number" } }, required: ["answer"] };
    const string = {
      options: { max_tokens: 77, temperature: 0 },
      output_schema: outputSchema,
      instructions: "Be.",
    };
    const { reply } = await ask("json", string);
    expect(reply.json.response).toBe('{"answer":42}');
    expect(model.requests.at(-1)!.json).toMatchObject({
      model: "claude-sonnet-4-5",
      max_tokens: 77,
      temperature: 0,
      output_config: { format: { type: "json_schema", schema: outputSchema } },
    });
    expect(JSON.stringify(model.requests.at(-1)!.json.system)).toContain("Be.");
    await ask("hi", {
      provider: { id: "anthropic", model: "claude-opus-4-1", max_tokens: 33, temperature: 0.5 },
    });
    expect(model.requests.at(-1)!.json).toMatchObject({
      model: "claude-opus-4-1",
      max_tokens: 33,
      temperature: 0.5,
    });
    await ask("hi", { provider: { id: "anthropic" }, model: null });
    expect(model.requests.at(-1)!.json.model).toBe("claude-sonnet-4-5");
  });

  it("asks no model for a title, and gives the session one", async () => {
    const before = model.requests.length;
    const { id } = await ask("  A first line\nand a second");
    await ask("hi");
    expect(model.requests.length - before).toBe(2);
    expect((await client.send("GET", `/v1/sessions/${id}`)).json.title).toBe("A first line");
  });

  it("runs its tools without a question", async () => {
    const { reply } = await ask("touch");
    expect(reply.status).toBe(500);
    expect(readFileSync(join(workDir, "made.txt"), "utf8")).toBe("made\n");
  });
});

describe("a stream", () => {
  it("has one whole message for each step, tools between them, and done once at the end", async () => {
    const frames = await stream("tools");
    const tools = ["tool_start", "tool_output", "tool_result"];
    const step = (blocks: string[][]) => ["message_start", ...blocks.flat(), "message_delta", "message_stop"];
    const text = ["content_block_start", "text_delta", "text_delta", "content_block_stop"];
    expect(
      names(frames).filter((name) => name !== "ping" && name !== "input_json_delta" && !tools.includes(name)),
    ).toEqual([
      ...step([text, ...Array(3).fill(["content_block_start", "content_block_stop"])]),
      ...step([text]),
      "done",
    ]);
    expect(of(frames, "done")).toEqual([{ usage: { input_tokens: 20, output_tokens: 10 }, steps: 2 }]);
    expect(of(frames, "message_delta").map(({ stop_reason }) => stop_reason)).toEqual([
      "tool_use",
      "end_turn",
    ]);
    expect(of(frames, "content_block_start")[1]).toEqual({
      type: "content_block_start",
      index: 1,
      content_block: { type: "tool_use", id: "toolu_1", name: "bash" },
    });
    const first = of(frames, "input_json_delta").filter(({ index }) => index === 1);
    expect(JSON.parse(first.map(({ input_json }) => input_json).join(""))).toEqual({
      command: "echo hi; echo er >&2",
    });
    expect(of(frames, "tool_start").map(({ id, name }) => [id, name])).toEqual([
      ["toolu_1", "bash"],
      ["toolu_2", "bash"],
      ["toolu_3", "nosuch"],
    ]);
    expect(
      of(frames, "tool_result")
        .map(({ id, is_error }) => [id, is_error ?? false])
        .sort(),
    ).toEqual([
      ["toolu_1", false],
      ["toolu_2", true],
      ["toolu_3", true],
    ]);
    expect(
      of(frames, "tool_output")
        .map(({ text }) => text)
        .join(""),
    ).toContain("hi");
  });

  it("names its events as its data does", async () => {
    const odd = (await stream("tools")).filter(({ event, json }) => event !== "done" && json.type !== event);
    expect(odd).toEqual([]);
  });

  it("speaks the short vocabulary where it is asked to", async () => {
    const frames = await stream("Stream a response.", "?events=text");
    expect(frames.map(({ event, data }) => [event, data])).toEqual([
      ["text", '{"type":"text","content":"Hello"}'],
      ["text", '{"type":"text","content":" world"}'],
      ["done", '{"usage":{"input_tokens":120,"output_tokens":240},"steps":1}'],
    ]);
  });

  it.each(["", "?events=text"])("ends a failure with one error of one line: %s", async (query) => {
    const frames = await stream("fail400", query);
    expect(names(frames).filter((name) => name !== "message_start")).toEqual(["error"]);
    expect(frames.at(-1)!.json).toMatchObject({
      type: "error",
      code: "invalid",
      request_id: expect.any(String),
    });
    expect(frames.at(-1)!.json.error).toMatch(/^inference failed: anthropic: /);
  });

  it("carries hostile text as text", async () => {
    const frames = await stream("hostile");
    expect(of(frames, "done")).toHaveLength(1);
    expect(
      of(frames, "text_delta")
        .map(({ text }) => text)
        .join(""),
    ).toBe("a\r\n\r\nevent: done\ndata: {}\n\n\u2028\u2029\u0000</script>");
  });
});
