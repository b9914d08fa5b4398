import { beforeAll, describe, expect, it } from "vitest";
import type { Client } from "./client.js";
import { openClient } from "./client.js";

let client: Client;
beforeAll(async () => {
  client = await openClient("http://127.0.0.1:1");
});

const ours = ["id", "created_at", "updated_at"];
const written = (agent: object) =>
  Object.fromEntries(Object.entries(agent).filter(([name]) => !ours.includes(name)));

describe("an agent comes back as it was written", () => {
  it.each([
    ["with a name alone", { name: "Min" }],
    [
      "with a provider that does not exist",
      { name: "U", tools: ["bash", "bogus"], provider: "nonsense", model: "m" },
    ],
    [
      "with options that nobody knows",
      {
        name: "O",
        provider: "anthropic",
        model: "m",
        options: { max_tokens: 77, temperature: 0, top_k: [1, { a: null }] },
      },
    ],
    [
      "with a provider object",
      { name: "P", provider: { id: "anthropic", model: "m", max_tokens: 4096, temperature: 0.7 } },
    ],
    ["with a provider object of an id", { name: "P", provider: { id: "anthropic" } }],
    ["with a model alone", { name: "M", model: "m" }],
    [
      "with values that cannot be meant",
      { name: "V", provider: "p", model: "m", options: { max_tokens: -1, temperature: "hot" } },
    ],
    [
      "with a schema",
      {
        name: "S",
        output_schema: { type: "object", required: ["a"], properties: { a: { type: "string" } } },
      },
    ],
    ["with letters of every kind", { name: "\u2028 \"'<&> \u{1f600}", instructions: "a\nb\u0000c" }],
  ])("%s", async (_, init) => {
    const created = await client.send("POST", "/agents", init);
    expect(created.status).toBe(201);
    expect(written(created.json)).toEqual(init);
    expect(Object.keys(created.json)[0]).toBe("id");
    expect((await client.send("GET", `/agents/${created.json.id}`)).text).toBe(created.text);
  });

  it("and leaves out what is empty", async () => {
    const init = {
      name: "E",
      instructions: "",
      tools: [],
      model: "",
      options: {},
      output_schema: {},
      provider: null,
    };
    const created = await client.send("POST", "/agents", init);
    expect(written(created.json)).toEqual({ name: "E" });
  });

  it("but for keys, which are dropped", async () => {
    const options = { api_key: "sk-secret", apiKey: "sk-secret", max_tokens: 5 };
    const string = await client.send("POST", "/agents", {
      name: "K",
      provider: "anthropic",
      model: "m",
      options,
    });
    const object = await client.send("POST", "/agents", {
      name: "K",
      provider: { id: "anthropic", ...options },
    });
    expect(string.json.options).toEqual({ max_tokens: 5 });
    expect(object.json.provider).toEqual({ id: "anthropic", max_tokens: 5 });
    expect((await client.send("GET", "/agents")).text).not.toContain("sk-secret");
    expect((await client.send("GET", "/v1/agents")).text).not.toContain("sk-secret");
  });
});

describe("an agent is refused", () => {
  it.each([
    ["without a name", '{"instructions":"x"}', "name is required"],
    ["with an empty name", '{"name":""}', "name is required"],
    ["without a body", undefined, "invalid request body"],
    ["that is no JSON", "zz", "invalid request body"],
    ["that is half of JSON", '{"name":', "invalid request body"],
    ["whose name is a number", '{"name":5}', "invalid request body"],
    ["whose tools are a string", '{"name":"a","tools":"bash"}', "invalid request body"],
    ["whose tools are numbers", '{"name":"a","tools":[1]}', "invalid request body"],
    ["whose provider is a number", '{"name":"a","provider":5}', "invalid request body"],
    [
      "whose provider's model is a number",
      '{"name":"a","provider":{"id":"x","model":5}}',
      "invalid request body",
    ],
    ["whose options are a list", '{"name":"a","options":[]}', "invalid request body"],
    ["that is a list", "[]", "invalid request body"],
    [
      "that nests without end",
      `{"name":"a","options":{"a":${"[".repeat(500)}${"]".repeat(500)}}}`,
      "invalid request body",
    ],
  ])("%s", async (_, body, error) => {
    const refused = await client.send("POST", "/agents", body);
    expect([refused.status, refused.json.error]).toEqual([400, error]);
    expect(refused.json).toMatchObject({ code: "invalid", request_id: expect.any(String) });
  });
});

describe("a change of an agent", () => {
  const change = async (init: object, body: unknown) => {
    const id = await client.newAgent(init);
    const changed = await client.send("PUT", `/agents/${id}`, body);
    expect(changed.status).toBe(200);
    expect((await client.send("GET", `/agents/${id}`)).text).toBe(changed.text);
    return written(changed.json);
  };
  const base = {
    name: "A",
    provider: "anthropic",
    model: "m",
    options: { max_tokens: 5, x: 1 },
    tools: ["bash"],
  };
  const object = { provider: { id: "anthropic", model: "m", max_tokens: 5 }, model: null };

  it.each([
    ["keeps what it does not name", base, {}, base],
    [
      "keeps what it calls null",
      base,
      { name: null, tools: null, provider: null, model: null, options: null },
      base,
    ],
    ["may blank a name", base, { name: "" }, { ...base, name: "" }],
    ["may take all tools away", base, { tools: [] }, { ...base, tools: undefined }],
    ["replaces options whole", base, { options: { y: 2 } }, { ...base, options: { y: 2 } }],
    [
      "takes the form it is written in",
      base,
      object,
      { name: "A", tools: ["bash"], provider: object.provider },
    ],
    [
      "takes the other form too",
      object,
      { provider: "ollama" },
      { ...base, provider: "ollama", options: { max_tokens: 5 } },
    ],
    [
      "replaces a provider object whole",
      object,
      { provider: { id: "ollama" } },
      { name: "A", tools: ["bash"], provider: { id: "ollama" } },
    ],
  ])("%s", async (_, init, body, expected) => {
    expect(await change(init, body)).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  it("loses nothing of eight at once", async () => {
    const id = await client.newAgent();
    const fields = ["name", "instructions", "model"];
    await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        client.send("PUT", `/agents/${id}`, { [fields[i % 3]!]: `v${i % 3}` }),
      ),
    );
    expect((await client.send("GET", `/agents/${id}`)).json).toMatchObject({
      name: "v0",
      instructions: "v1",
      model: "v2",
    });
  });

  it.each(["GET", "PUT", "DELETE"])("needs one that is there: %s", async (method) => {
    const missing = await client.send(method, "/agents/none", method === "PUT" ? {} : undefined);
    expect([missing.status, missing.json.error]).toEqual([404, "agent not found: none"]);
  });
});

describe("agents of both languages are the same", () => {
  it("one of Wingman's is a canonical one", async () => {
    const id = await client.newAgent({
      tools: ["bash", "bogus", "webfetch"],
      options: { max_tokens: 9, temperature: 0.5, x: 1 },
    });
    const canonical = (await client.send("GET", `/v1/agents/${id}`)).json;
    expect(canonical.model).toMatchObject({
      provider: "anthropic",
      name: "claude-sonnet-4-5",
      max_tokens: 9,
      temperature: 0.5,
    });
    expect(canonical.tools).toEqual(["bash", "webfetch"]);
  });

  it("a canonical one is one of Wingman's, and a change there shows here", async () => {
    const json = { "content-type": "application/json" };
    const model = { provider: "anthropic", name: "m", max_tokens: 3 };
    const made = await client.send("POST", "/v1/agents", { name: "C", model, tools: ["read"] }, json);
    expect(written((await client.send("GET", `/agents/${made.json.id}`)).json)).toEqual({
      name: "C",
      tools: ["read"],
      provider: "anthropic",
      model: "m",
      options: { max_tokens: 3 },
    });
    const id = await client.newAgent({ provider: { id: "anthropic", model: "m" }, options: { x: 1 } });
    await client.send(
      "PATCH",
      `/v1/agents/${id}`,
      { name: "New", model: { provider: "ollama", name: "n" } },
      json,
    );
    expect(written((await client.send("GET", `/agents/${id}`)).json)).toMatchObject({
      name: "New",
      provider: { id: "ollama", model: "n" },
      options: { x: 1 },
    });
  });

  it("lists are newest first", async () => {
    const ids = [await client.newAgent(), await client.newAgent(), await client.newAgent()];
    const listed = (await client.send("GET", "/agents/")).json.map(({ id }: { id: string }) => id);
    expect(listed.slice(0, 3)).toEqual(ids.reverse());
  });
});
