import { beforeAll, describe, expect, it } from "vitest";
import type { Client } from "./client.js";
import { openClient } from "./client.js";

let client: Client;
beforeAll(async () => {
  client = await openClient("http://127.0.0.1:1");
});

describe("paths", () => {
  it.each([
    ["GET", "/agents/a/b", 404],
    ["GET", "/sessions/a/b/c", 404],
    ["GET", "/provider/a/b/c/d", 404],
    ["GET", "/fleets/a/b", 404],
    ["PATCH", "/agents", 405],
    ["DELETE", "/sessions", 405],
    ["GET", "/sessions/a/message", 405],
    ["POST", "/provider/auth", 405],
  ])("that nobody has are told in JSON: %s %s", async (method, path, status) => {
    const reply = await client.send(method, path);
    expect(reply.status).toBe(status);
    expect(reply.headers.get("content-type")).toBe("application/json");
    expect(reply.json.error).toEqual(expect.any(String));
    if (status === 405) expect(reply.headers.get("allow")).toContain("OPTIONS");
  });

  it.each(["/agents", "/sessions", "/provider", "/fleets", "/provider/auth"])(
    "%s may end in a slash",
    async (path) => {
      expect((await client.send("GET", `${path}/`)).text).toBe((await client.send("GET", path)).text);
    },
  );

  it("take parameters that nobody knows", async () => {
    expect((await client.send("GET", "/agents?limit=1&x=%zz")).status).toBe(200);
  });
});

describe("bodies", () => {
  const init = '{"name":"B","extra":{"deep":[1]}}';
  it.each([
    ["a form, as curl says", { "content-type": "application/x-www-form-urlencoded" }, 201],
    ["JSON", { "content-type": "application/json" }, 201],
    ["JSON in UTF-8", { "content-type": "application/json; charset=utf-8" }, 201],
    ["text", { "content-type": "text/plain" }, 415],
    ["parts", { "content-type": "multipart/form-data; boundary=x" }, 415],
  ])("called %s", async (_, headers, status) => {
    expect((await client.send("POST", "/agents", init, headers)).status).toBe(status);
  });
});

describe("names of members", () => {
  it("match whatever their case is, also within a provider and not within what is free-form", async () => {
    const body = {
      NAME: "Loud",
      Instructions: "Shout.",
      __proto__x: 1,
      Options: { MaxTokens: 5, Deep: { KEPT: true } },
      PROVIDER: "anthropic",
      model: "claude-sonnet-4-5",
    };
    const { status, json } = await client.send("POST", "/agents", body);
    expect(status).toBe(201);
    expect(json).toMatchObject({ name: "Loud", instructions: "Shout.", provider: "anthropic" });
    expect(json.options).toEqual(body.Options);
    const changed = await client.send("PUT", `/agents/${json.id}`, '{"Name":"Quiet","name":"Last"}');
    expect(changed.json.name).toBe("Last");
  });

  it("nest as deeply as they like without breaking anything", async () => {
    const deep = `{"name":"x","options":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
    expect((await client.send("POST", "/agents", deep)).status).toBe(400);
  });
});

describe("a page of another site", () => {
  const evil = { origin: "https://evil.example" };
  it.each([
    ["with its origin", "POST", "/agents", evil],
    ["as a form", "POST", "/agents", { ...evil, "content-type": "application/x-www-form-urlencoded" }],
    ["as text", "POST", "/agents", { ...evil, "content-type": "text/plain" }],
    ["without an origin, but as browsers mark it", "GET", "/sessions", { "sec-fetch-site": "cross-site" }],
    ["of a file", "POST", "/agents", { origin: "null" }],
    ["in a stream", "POST", "/sessions/x/message/stream", evil],
    ["asking first", "OPTIONS", "/agents", { ...evil, "access-control-request-method": "POST" }],
  ])("is refused %s", async (_, method, path, headers) => {
    const body = method === "POST" ? '{"name":"evil"}' : undefined;
    const reply = await client.send(method, path, body, headers as unknown as Record<string, string>);
    expect(reply.status).toBe(403);
    expect(reply.headers.get("access-control-allow-origin")).toBeNull();
    expect((await client.send("GET", "/agents")).text).not.toContain("evil");
  });
});

describe("providers", () => {
  it.each([
    ["/provider/none", "provider not found: none"],
    ["/provider/none/models", "unknown provider: none"],
    ["/provider/none/models/x", "unknown provider: none"],
    ["/provider/anthropic/models/zzz", "model not found: anthropic/zzz"],
    ["/provider/anthropic/models/a/b", "model not found: anthropic/a/b"],
  ])("%s", async (path, error) => {
    const reply = await client.send("GET", path);
    expect([reply.status, reply.json.error]).toEqual([404, error]);
  });

  it("are listed by id, with those of the documents as printed", async () => {
    const { json } = await client.send("GET", "/provider");
    const ids = json.map(({ id }: { id: string }) => id);
    expect(ids).toEqual([...ids].sort());
    expect(json).toContainEqual({ id: "anthropic", name: "Anthropic", auth_types: ["api_key"] });
    expect(json).toContainEqual({ id: "ollama", name: "Ollama", auth_types: [] });
  });

  it("reach a model whose name has slashes", async () => {
    const { json } = await client.send("GET", "/provider/openrouter/models");
    const slashed = Array.isArray(json) ? json.find(({ id }: { id: string }) => id.includes("/")) : undefined;
    if (!slashed)
      return expect([400, 404, 503]).toContain(
        (await client.send("GET", "/provider/openrouter/models")).status,
      );
    expect((await client.send("GET", `/provider/openrouter/models/${slashed.id}`)).json).toEqual(slashed);
  });
});

describe("keys", () => {
  const key = "sk-ant-very-secret-0123456789";
  const put = (providers: unknown) => client.send("PUT", "/provider/auth", { providers });
  const status = async () => (await client.send("GET", "/provider/auth")).json.providers;

  it("are told of, never told", async () => {
    expect((await put({ anthropic: { type: "api_key", key } })).json).toEqual({ status: "ok" });
    const told = await client.send("GET", "/provider/auth");
    expect(told.text).not.toContain("secret");
    expect(told.json).toEqual({
      providers: { anthropic: { type: "api_key", configured: true } },
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    });
  });

  it("of one provider do not touch those of another", async () => {
    await put({ anthropic: { type: "api_key", key } });
    await put({ openai: { type: "oauth", key: "k2" } });
    expect(await status()).toMatchObject({
      anthropic: { type: "api_key", configured: true },
      openai: { type: "oauth", configured: true },
    });
    await put({ openai: { type: "api_key" } });
    expect((await status()).openai).toEqual({ type: "api_key", configured: false });
    expect((await client.send("DELETE", "/provider/auth/openai")).json).toEqual({ status: "deleted" });
    expect(await status()).not.toHaveProperty("openai");
  });

  it.each([
    ["{}", 200, undefined],
    ['{"provider":"anthropic","key":"k"}', 200, undefined],
    ['{"providers":null}', 200, undefined],
    ["xx", 400, "invalid request body"],
    ["", 400, "invalid request body"],
    ['{"providers":[]}', 400, "invalid request body"],
    ['{"providers":{"anthropic":"k"}}', 400, "invalid request body"],
    ['{"providers":{"nope":{"type":"api_key","key":"k"}}}', 400, "unknown provider: nope"],
  ])("written as %s", async (body, code, error) => {
    const reply = await client.send("PUT", "/provider/auth", body);
    expect([reply.status, reply.json.error]).toEqual([code, error]);
  });

  it("are not stored in part where one provider is unknown", async () => {
    await client.send("DELETE", "/provider/auth/mistral");
    await put({ mistral: { type: "api_key", key: "k" }, nope: { type: "api_key", key: "k" } });
    expect(await status()).not.toHaveProperty("mistral");
  });

  it.each([
    ["none", 400, "unknown provider: none"],
    ["groq", 404, "provider not configured: groq"],
  ])("of %s cannot be deleted", async (id, code, error) => {
    const reply = await client.send("DELETE", `/provider/auth/${id}`);
    expect([reply.status, reply.json.error]).toEqual([code, error]);
  });

  it("come from the store and from nowhere else", async () => {
    const other = await openClient("http://127.0.0.1:1", { env: { ANTHROPIC_API_KEY: "sk-env" } });
    await other.send("DELETE", "/provider/auth/anthropic");
    expect((await other.send("GET", "/provider/auth")).json.providers).toEqual({});
    const body = { agent_id: await other.newAgent(), message: "x" };
    const refused = await other.send("POST", `/sessions/${await other.newSession()}/message`, body);
    expect(refused.status).toBe(400);
    expect(refused.json.error).toMatch(/^failed to instantiate provider "anthropic": /);
  });
});

describe("sessions", () => {
  it.each([
    ["without a body", undefined, undefined],
    ["with an empty body", "", undefined],
    ["with nothing in it", "{}", undefined],
    ["in a folder", '{"work_dir":"/tmp"}', "/tmp"],
    ["in a folder that is not there", '{"work_dir":"/no/such/dir"}', "/no/such/dir"],
  ])("are created %s", async (_, body, workDir) => {
    const created = await client.send("POST", "/sessions", body);
    expect(created.status).toBe(201);
    expect(created.json).toMatchObject({ history: [] });
    expect(created.json.work_dir).toBe(workDir);
  });

  it("are refused with a body that is none", async () => {
    const reply = await client.send("POST", "/sessions", "x");
    expect([reply.status, reply.json.error]).toEqual([400, "invalid request body"]);
  });

  it("change their folder, and nothing where none is named", async () => {
    const id = await client.newSession("/tmp");
    expect((await client.send("PUT", `/sessions/${id}`, "{}")).json.work_dir).toBe("/tmp");
    expect((await client.send("PUT", `/sessions/${id}`, { work_dir: "" })).json).not.toHaveProperty(
      "work_dir",
    );
    expect((await client.send("PUT", `/sessions/${id}`)).status).toBe(400);
  });

  it("are listed newest first, and deleted once", async () => {
    const ids = [await client.newSession(), await client.newSession()];
    const listed = (await client.send("GET", "/sessions")).json.map(({ id }: { id: string }) => id);
    expect(listed.slice(0, 2)).toEqual(ids.reverse());
    expect((await client.send("DELETE", `/sessions/${ids[0]}`)).json).toEqual({ status: "deleted" });
    const again = await client.send("DELETE", `/sessions/${ids[0]}`);
    expect([again.status, again.json.error]).toEqual([404, `session not found: ${ids[0]}`]);
  });

  it.each([
    ["GET", "/sessions/none", undefined],
    ["PUT", "/sessions/none", "{}"],
    ["DELETE", "/sessions/none", undefined],
    ["POST", "/sessions/none/message", "{}"],
    ["POST", "/sessions/none/message/stream", "{}"],
  ])("that are not there: %s %s", async (method, path, body) => {
    const reply = await client.send(method, path, body);
    expect([reply.status, reply.json.error]).toEqual([404, "session not found: none"]);
  });
});
