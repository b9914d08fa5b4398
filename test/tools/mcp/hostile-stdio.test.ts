import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { never, openMcpPlace, stdio } from "./mcp-place.js";

const program = join(import.meta.dirname, "programs/raw-server.mjs");

/** Calls the tool of a server that runs `act` then; afterwards another server of the session has to work. */
async function callActing(act: string, times = {}) {
  const place = openMcpPlace(program, { times: { answerMs: 10_000, callMs: 10_000, ...times } });
  const output = await place.call("act", "", never, stdio({ env: { ACT: act } }));
  const sound = stdio({ env: { ACT: 'send({ id: request.id, result: text("sound") });' }, name: "two" });
  expect((await place.call("act", "", never, sound)).text).toBe("sound");
  return { output, place };
}

const done = 'send({ id: request.id, result: text("done") });';

describe("a call of a server that", () => {
  it.each([
    ["answers twice", `${done} send({ id: request.id, result: text("again") });`, /^done$/],
    [
      "answers what nobody asked",
      `send({ id: 999, result: text("a") }); send({ id: "x", result: text("b") }); ${done}`,
      /^done$/,
    ],
    [
      "answers in a batch",
      'process.stdout.write(JSON.stringify([{ jsonrpc: "2.0", id: request.id, result: text("done") }]) + "\\n");',
      /^done$/,
    ],
    [
      "writes what is no message",
      `process.stdout.write("hello\\n{\\nnull\\n[1,{}]\\n{}\\n\\u0000\\n\\n" + "x".repeat(1e6) + "\\n"); ${done}`,
      /^done$/,
    ],
    ["nests deeply", `process.stdout.write("[".repeat(3e6) + "\\n"); ${done}`, /^done$/],
    [
      "answers with what nests deeply",
      `process.stdout.write('{"jsonrpc":"2.0","id":' + request.id + ',"result":{"structuredContent":{"a":' +
        "[".repeat(1e6) + "]".repeat(1e6) + '}}}\\n');`,
      /call failed|timed out/,
    ],
    ["floods its standard error", `process.stderr.write("x".repeat(3e7)); ${done}`, /^done$/],
    ["ends", 'process.stderr.write("enough\\n"); process.exit(4);', /ended with code 4: enough/],
    [
      "says that its call is canceled",
      `send({ method: "notifications/cancelled", params: { requestId: request.id } }); ${done}`,
      /^done$/,
    ],
    [
      "calls back for things that it may not have",
      `send({ id: 1, method: "sampling/createMessage", params: {} }); send({ id: 2, method: "roots/list" }); ${done}`,
      /^done$/,
    ],
    ["answers with an error that is none", "send({ id: request.id, error: null });", /timed out/],
    [
      "answers with an error of many lines",
      'send({ id: request.id, error: { code: 1, message: "a\\nb\\u001b[2J".repeat(100000) } });',
      /^The call failed: [^\n]{1,320}$/,
    ],
    [
      "answers with 100 MB",
      'send({ id: request.id, result: text("x".repeat(1e8)) });',
      /longer than 4194304 bytes/,
    ],
    ["answers with 3 MB", 'send({ id: request.id, result: text("x".repeat(3e6)) });', /left out/],
    [
      "answers with a hundred thousand pieces",
      'send({ id: request.id, result: { content: Array(1e5).fill({ type: "text", text: "x" }) } });',
      /left out/,
    ],
    [
      "answers with a picture that is too large",
      'send({ id: request.id, result: { content: [{ type: "image", mimeType: "image/png", data: "iVBORw0KGgo".padEnd(3.9e6, "A") }, { type: "image", data: "iVBORw0KGgo".padEnd(1e5, "A") }] } });',
      /\[image: image\/png, \d+ bytes\]/,
    ],
    [
      "answers with a resource",
      'send({ id: request.id, result: { content: [{ type: "resource", resource: { uri: "a://b", blob: "A".repeat(1e6), mimeType: "x/y" } }] } });',
      /^\[resource: a:\/\/b: x\/y, 750000 bytes, not shown\]$/,
    ],
  ])("%s", async (_what, act, expected) => {
    const { output } = await callActing(act, { callMs: 4_000 });
    expect(output.text).toMatch(expected);
    expect(output.text.length).toBeLessThan(31_000);
  });

  it.each([
    ["properties", "{ properties: Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [i, {}])) }"],
    ["required names", "{ properties: {}, required: Array(1e6).fill(1) }"],
    ["nested lists", "{ properties: { a: Array.from({ length: 1e5 }, () => [[]]) } }"],
  ])("asks by a form of very many %s: nobody is asked", async (_what, form) => {
    const { output, place } = await callActing(
      `if (!globalThis.asked) process.stdin.on("data", (data) => {
         const { error } = JSON.parse(data);
         if (error) send({ id: request.id, result: text(error.message) });
       });
       globalThis.asked = true;
       send({ id: 1, method: "elicitation/create", params: { message: "x", requestedSchema: { type: "object", ...${form} } } });`,
    );
    expect(output.text).toBe("a message of it has too many members");
    expect(place.contextAsked).toEqual([]);
  });

  it("tells progress without end: little of it is shown", async () => {
    const { output, place } = await callActing(
      `for (let progress = 0; progress < 2e5; progress += 1)
         send({ method: "notifications/progress", params: { progressToken: request.params._meta.progressToken, progress, message: "m".repeat(50) } });
       ${done}`,
    );
    expect(output.text).toBe("done");
    const shown = place.output.join("");
    expect(shown.length).toBeLessThan(70_000);
    expect(shown).toContain("[output truncated]");
  });

  it("says without end that its tools have changed: they are listed when they are needed", async () => {
    const { output } = await callActing(
      `for (let i = 0; i < 1e5; i += 1) send({ method: "notifications/tools/list_changed" }); ${done}`,
    );
    expect(output.text).toBe("done");
  });

  it("tells progress just before it answers: that is shown too", async () => {
    const { output, place } = await callActing(
      `const say = (message) => JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n";
       const { progressToken } = request.params._meta;
       process.stdout.write(say({ method: "notifications/progress", params: { progressToken, progress: 4, total: 4 } }) +
         say({ id: request.id, result: text("done") }));`,
    );
    expect(output.text).toBe("done");
    expect(place.output.join("")).toBe("4/4\n");
  });

  it("asks without end and reads no answer is ended", async () => {
    const { output } = await callActing(
      `const ping = JSON.stringify({ jsonrpc: "2.0", id: "y".repeat(1e5), method: "ping" }) + "\\n";
       const { writeSync } = process.getBuiltinModule("node:fs");
       for (let rest = ""; ; )
         try { rest = (rest || ping).slice(writeSync(1, rest || ping)); } catch {}`,
      { callMs: 20_000 },
    );
    expect(output.text).toMatch(/call failed: it does not read what it is sent/);
  });
});

it("a server that says very much of itself is a fault", async () => {
  const place = openMcpPlace(program);
  const server = stdio({ env: { SAYS: "{ icons: Array.from({ length: 5e5 }, () => 1) }" } });
  await expect(place.connect(server)).rejects.toMatchObject({
    message: expect.stringContaining("a message of it has too many members"),
  });
});

describe("a list of tools", () => {
  const list = async (code: string) => {
    const place = openMcpPlace(program, { times: { answerMs: 5_000 } });
    const server = await place.connect(stdio({ env: { LIST: code } }));
    const tools = await server.tools(never);
    return { tools, server };
  };

  it.each([
    ["of 100,000 tools in one message", '{ tools: Array.from({ length: 1e5 }, (_, i) => tool("t" + i)) }'],
    ["with a description of 10 MB", '{ tools: [tool("a", { description: "x".repeat(1e7) })] }'],
  ])("%s: a fault", async (_what, code) => {
    await expect(list(code)).rejects.toMatchObject({
      message: "a message of it is longer than 4194304 bytes",
    });
  });

  it("of pages without end is cut", async () => {
    const { tools, server } = await list(
      '{ tools: Array.from({ length: 50 }, (_, i) => tool("t" + (cursor ?? "") + i)), nextCursor: (cursor ?? "") + "x" }',
    );
    expect(tools).toHaveLength(200);
    expect(server.leftOut).toBe(800);
  });

  it.each([
    [
      "with one name twice: the first is taken",
      '[tool("a", { description: "1" }), tool("a", { description: "2" })]',
      ["a"],
    ],
    ["with a description of 3 MB: it is left out", '[tool("a", { description: "x".repeat(3e6) })]', []],
    ["that is none", '"act"', []],
    [
      "of nonsense",
      '[null, 1, {}, tool(""), tool("x".repeat(200)), tool(7), { name: "b", inputSchema: 3 }]',
      [],
    ],
    [
      "with a tool that has to be called as a task: it is left out",
      '[tool("a", { execution: { taskSupport: "required" } }), tool("b", { execution: { taskSupport: "optional" } })]',
      ["b"],
    ],
    ["with names of control characters", '[tool("a\\n\\u202e\\u0000b")]', ["a\n\u202e\0b"]],
  ])("%s", async (_what, code, names) => {
    const { tools } = await list(`{ tools: ${code} }`);
    expect(tools.map(({ name }) => name)).toEqual(names);
  });
});
