import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  AgentSchema,
  CreateAgentRequestSchema,
  ListAgentsRequestSchema,
  UpdateAgentRequestSchema,
} from "../../gen/agentry/v1/agents_pb.js";
import { openServices } from "./open-services.js";

const model = { provider: "fake", name: "one" };
const deep = (levels: number): object => (levels === 0 ? {} : { a: deep(levels - 1) });
const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, ""]));

const stdio = (value: object, name = "one") => ({ name, transport: { case: "stdio", value } });
const http = (url: string) => ({ name: "one", transport: { case: "http", value: { url } } });
const node = { command: "node" };
const badServers: [string, object[]][] = [
  ["too many MCP servers", Array.from({ length: 21 }, (_, i) => stdio(node, `s${i}`))],
  ["an MCP server without a name", [stdio(node, "")]],
  ["an MCP server with an odd name", [stdio(node, "a_b")]],
  ["an MCP server with a long name", [stdio(node, "x".repeat(33))]],
  ["two MCP servers of one name", [stdio(node), http("https://a.test/")]],
  ["an MCP server without a transport", [{ name: "one" }]],
  ["no command", [stdio({ command: "" })]],
  ["a command with NUL", [stdio({ command: "a\0b" })]],
  ["a command relative to the working directory", [stdio({ command: "./server" })]],
  ["an argument with NUL", [stdio({ ...node, args: ["\0"] })]],
  ["too many arguments", [stdio({ ...node, args: Array(101).fill("a") })]],
  ["a variable without a name", [stdio({ ...node, env: { "": "a" } })]],
  ["a variable named for two", [stdio({ ...node, env: { "A=B": "a" } })]],
  ["a variable with NUL", [stdio({ ...node, env: { A: "\0" } })]],
  ...["PATH", "LD_PRELOAD", "NODE_OPTIONS", "BASH_ENV", "DYLD_INSERT_LIBRARIES", "BASH_FUNC_ls"].map(
    (name): [string, object[]] => [`the variable ${name}`, [stdio({ ...node, env: { [name]: "a" } })]],
  ),
  ["http to elsewhere", [http("http://mcp.test/")]],
  ["a script as an address", [http("javascript:alert(1)")]],
  ["an address with a password", [http("https://a:b@mcp.test/")]],
  ["an address with a fragment", [http("https://mcp.test/#a")]],
  ["no address", [http("")]],
  ["an empty tool name", [{ ...stdio(node), tools: [""] }]],
  ["a tool twice", [{ ...stdio(node), tools: ["a", "a"] }]],
];

const bad: [string, object, string][] = [
  ["no name", { model }, "invalid"],
  ["a name of white space", { name: " \t\n\u00a0", model }, "invalid"],
  ["a name with NUL", { name: "a\0b", model }, "invalid"],
  ["a long name", { name: "x".repeat(201), model }, "invalid"],
  ["a long description", { name: "a", description: "x".repeat(10_001), model }, "invalid"],
  ["long instructions", { name: "a", instructions: "x".repeat(1024 * 1024 + 1), model }, "invalid"],
  ["no model", { name: "a" }, "invalid"],
  ["a model without a provider", { name: "a", model: { name: "one" } }, "invalid"],
  ["a model without a name", { name: "a", model: { provider: "fake" } }, "invalid"],
  ["a model's name of white space", { name: "a", model: { ...model, name: " " } }, "invalid"],
  ["a model's name with NUL", { name: "a", model: { ...model, name: "one\0" } }, "invalid"],
  ["an unknown provider", { name: "a", model: { provider: "none", name: "one" } }, "not_found"],
  ["a bad fallback", { name: "a", model, fallbacks: [{ provider: "fake" }] }, "invalid"],
  ["a temperature of NaN", { name: "a", model: { ...model, temperature: Number.NaN } }, "invalid"],
  ["a temperature of 2.1", { name: "a", model: { ...model, temperature: 2.1 } }, "invalid"],
  ["a top_p of -1", { name: "a", model: { ...model, topP: -1 } }, "invalid"],
  ["max_tokens of 0", { name: "a", model: { ...model, maxTokens: 0 } }, "invalid"],
  ["an address that is none", { name: "a", model: { ...model, baseUrl: "http://" } }, "invalid"],
  ["an unknown tool", { name: "a", model, tools: ["look", "none"] }, "invalid"],
  ["a tool named as a prototype's member", { name: "a", model, tools: ["constructor"] }, "invalid"],
  ["one of the tools twice", { name: "a", model, tools: ["look", "change", "look"] }, "invalid"],
  ["too many steps", { name: "a", model, maxSteps: 1001 }, "invalid"],
  ["too many labels", { name: "a", model, labels: labels(65) }, "invalid"],
  ["a label without a name", { name: "a", model, labels: { "": "x" } }, "invalid"],
  ["a long label", { name: "a", model, labels: { a: "x".repeat(257) } }, "invalid"],
  ["a deep schema", { name: "a", model, outputSchema: deep(33) }, "invalid"],
  ["too many hosts", { name: "a", model, allowedHosts: Array(101).fill("a.test") }, "invalid"],
  ["a host of every name", { name: "a", model, allowedHosts: ["a.test", "*"] }, "invalid"],
  ["a host that is an address", { name: "a", model, allowedHosts: ["10.0.0.1"] }, "invalid"],
  ["a host with a path", { name: "a", model, allowedHosts: ["a.test/x"] }, "invalid"],
  ...badServers.map(([name, mcpServers]): [string, object, string] => [
    name,
    { name: "a", model, mcpServers },
    "invalid",
  ]),
  ["a schema that JSON cannot say", { name: "a", model, outputSchema: { a: [Number.NaN] } }, "invalid"],
];

describe("createAgent", () => {
  it.each(bad)("refuses %s", async (_name, agent, reason) => {
    const { agents } = await openServices();
    const request = create(CreateAgentRequestSchema, { agent });
    await expect(agents.createAgent(request)).rejects.toMatchObject({ reason });
    await expect(agents.createAgent(create(CreateAgentRequestSchema))).rejects.toMatchObject({
      reason: "invalid",
    });
    expect((await agents.listAgents(create(ListAgentsRequestSchema))).agents).toEqual([]);
  });

  it.each([
    ["the least", { name: "a", model }],
    [
      "the most",
      {
        name: "x".repeat(200),
        mcpServers: [
          { ...stdio({ command: "/usr/bin/node", args: ["a b", ""], env: { API_URL: "x" } }), tools: ["a"] },
          { ...http("https://mcp.test/mcp?x=1"), name: "Two-2" },
          { ...http("http://127.0.0.1:1/"), name: "three" },
        ],
        model,
        maxSteps: 1000,
        labels: labels(64),
        tools: ["look", "change"],
        outputSchema: deep(30),
      },
    ],
  ])("takes %s, and gives it an id of its own", async (_name, agent) => {
    const { agents } = await openServices();
    const given = { ...agent, id: "mine" };
    const { agent: made } = await agents.createAgent(
      create(CreateAgentRequestSchema, { agent: given as never }),
    );
    expect(made?.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect((await agents.getAgent({ agentId: made?.id } as never)).agent).toEqual(made);
  });
});

describe("updateAgent", () => {
  async function update(changes: object, paths: string[]) {
    const { agents } = await openServices();
    const first = { name: "a", description: "d", model, labels: { k: "v" }, tools: ["look"] };
    const { agent } = await agents.createAgent(create(CreateAgentRequestSchema, { agent: first }));
    const stored = create(AgentSchema, { ...agent });
    const request = create(UpdateAgentRequestSchema, {
      agent: { id: stored.id, ...changes },
      updateMask: { paths },
    });
    return { stored, changed: (await agents.updateAgent(request)).agent };
  }

  it.each([
    ["what is set, without a mask", { name: "b" }, [], { name: "b", description: "d", labels: { k: "v" } }],
    ["one field", { name: "b", description: "x" }, ["name"], { name: "b", description: "d" }],
    ["a field to nothing", {}, ["description"], { name: "a", description: "" }],
    ["labels to nothing", {}, ["labels"], { labels: {} }],
    ["a list", { tools: ["change"] }, ["tools"], { tools: ["change"], labels: { k: "v" } }],
    ["by the JSON name", { outputSchema: { a: 1 } }, ["outputSchema"], { outputSchema: { a: 1 } }],
  ])("changes %s", async (_name, changes, paths, expected) => {
    expect((await update(changes, paths)).changed).toMatchObject(expected);
  });

  it.each([
    ["a required field to nothing", {}, ["name"]],
    ["the model to nothing", {}, ["model"]],
    ["a field that is not there", {}, ["nothing"]],
    ["a field of the prototype", {}, ["__proto__"]],
    ["a read-only field", { createdAt: { seconds: 1n } }, ["created_at"]],
    ["a part of a field", { labels: { x: "y" } }, ["labels.x"]],
    ["everything", {}, ["*"]],
  ])("does not change %s", async (_name, changes, paths) => {
    await expect(update(changes, paths)).rejects.toMatchObject({ reason: "invalid" });
  });

  it("takes a read-only field that comes back as it was", async () => {
    const { agents } = await openServices();
    const { agent } = await agents.createAgent(
      create(CreateAgentRequestSchema, { agent: { name: "a", model } }),
    );
    const paths = ["created_at", "id", "name"];
    const request = create(UpdateAgentRequestSchema, {
      agent: { ...agent, name: "b" } as never,
      updateMask: { paths },
    });
    expect((await agents.updateAgent(request)).agent?.name).toBe("b");
  });

  it.each([
    [{}, "invalid"],
    [{ id: "none", name: "b" }, "not_found"],
  ])("refuses %j", async (agent, reason) => {
    const { agents } = await openServices();
    await expect(agents.updateAgent(create(UpdateAgentRequestSchema, { agent }))).rejects.toMatchObject({
      reason,
    });
  });
});

describe("lists", () => {
  it.each([
    ["a page that is too large", { pageSize: 1001 }],
    ["a token of nobody", { pageToken: "nonsense" }],
    ["a hostile token", { pageToken: "' OR 1=1 --" }],
  ])("refuse %s", async (_name, page) => {
    const { agents } = await openServices();
    const request = create(ListAgentsRequestSchema, page);
    await expect(agents.listAgents(request)).rejects.toMatchObject({ reason: "invalid" });
  });

  it("go on where the page before ended", async () => {
    const { agents } = await openServices();
    for (const name of ["a", "b", "c"])
      await agents.createAgent(create(CreateAgentRequestSchema, { agent: { name, model } }));
    const first = await agents.listAgents(create(ListAgentsRequestSchema, { pageSize: 2 }));
    const second = await agents.listAgents(
      create(ListAgentsRequestSchema, { pageSize: 2, pageToken: first.nextPageToken }),
    );
    expect([...first.agents, ...second.agents].map(({ name }) => name)).toEqual(["c", "b", "a"]);
    expect(second.nextPageToken).toBe("");
  });

  it("tell the tools by name", async () => {
    const { agents } = await openServices();
    expect(agents.listTools().tools.map(({ name, readOnly }) => [name, readOnly])).toEqual([
      ["change", false],
      ["look", true],
    ]);
  });
});

it("deletes an agent once", async () => {
  const { agents } = await openServices();
  const { agent } = await agents.createAgent(
    create(CreateAgentRequestSchema, { agent: { name: "a", model } }),
  );
  const request = { agentId: agent?.id } as never;
  expect(await agents.deleteAgent(request)).toEqual({});
  await expect(agents.deleteAgent(request)).rejects.toMatchObject({ reason: "not_found" });
  await expect(agents.getAgent(request)).rejects.toMatchObject({ reason: "not_found" });
});
