import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openAuthorizationServer } from "./authorization-server.js";
import { openHttpPlace } from "./http-place.js";
import type { Answer } from "./mcp-place.js";
import { http, never, openMcpPlace } from "./mcp-place.js";
import { useStdioProgram } from "./stdio-program.js";

const program = useStdioProgram();
type Authorization = Awaited<ReturnType<typeof openAuthorizationServer>>;

async function openScene(
  answer: (authorization: Authorization, place: () => ReturnType<typeof openMcpPlace>) => Answer,
  options: Parameters<typeof openAuthorizationServer>[0] = {},
) {
  const authorization = await openAuthorizationServer(options);
  const server = await openHttpPlace({ before: authorization.guard });
  const place: ReturnType<typeof openMcpPlace> = openMcpPlace(program.path, {
    answer: answer(authorization, () => place),
  });
  const echo = (text = "hello") => place.call("echo", text, never, http(server.url));
  return { authorization, server, place, echo };
}

/** The user opens the page, and the browser comes back by itself. */
const browse = (authorization: Authorization, place: () => ReturnType<typeof openMcpPlace>): Answer => {
  return async ({ url, elsewhere }) => {
    const back = new URL(await authorization.visit(url!));
    expect(place().servers.takeReturn(back.searchParams)).toBe(true);
    expect(place().servers.takeReturn(back.searchParams)).toBe(false);
    await elsewhere;
    return { action: "accept" };
  };
};

/** The user opens the page elsewhere, and pastes the address at which the browser ended. */
const paste = (authorization: Authorization): Answer => {
  return async ({ url }) => ({
    action: "accept",
    content: { redirect_url: ` ${await authorization.visit(url!)}\n` },
  });
};

describe("a server that wants to be authorized", () => {
  it.each([
    ["comes back", browse],
    ["ends elsewhere", paste],
  ])("is, when the browser %s", async (_how, answer) => {
    const { authorization, place, echo, server } = await openScene(answer);
    expect(await echo()).toEqual({ text: "hello", failed: false });
    expect(place.host.authorizations).toBe(1);
    expect(place.asked).toHaveLength(1);
    const page = new URL(place.asked[0]!.url!);
    expect(page.origin).toBe(authorization.origin);
    expect(page.searchParams.get("state")).toMatch(/^[\w-]{43}$/);
    expect(Object.fromEntries(page.searchParams)).toMatchObject({
      code_challenge_method: "S256",
      resource: server.url,
      redirect_uri: "http://127.0.0.1:1/oauth/callback",
    });
    expect(place.asked[0]).toMatchObject({ confidential: true });
    const [[id, kept]] = [...place.memory.kept] as [[string, { text: string; origin: string }]];
    expect(id).toBe(`mcp-oauth:${server.url}`);
    expect(kept.origin).toBe(server.origin);
    const [token] = authorization.tokens;
    expect(kept.text).toContain(token);
    expect(place.redactor.redact(`a ${token} b`)).toBe("a [secret] b");
  });

  it("is authorized once: another session has the token", async () => {
    const { place, server, echo } = await openScene(paste);
    await echo();
    await place.connect(http(server.url), "another");
    expect(place.asked).toHaveLength(1);
  });

  it("gets a new token by itself when the old one is over", async () => {
    const { authorization, place, echo } = await openScene(paste);
    await echo();
    authorization.tokens.clear();
    expect(await echo("again")).toMatchObject({ text: "again" });
    expect(place.asked).toHaveLength(1);
  });

  it("gives one new token to all sessions that need one at once", async () => {
    const { authorization, place, server, echo } = await openScene(paste, { refreshMs: 200 });
    await echo();
    const sessions = ["S", "T", "U", "V"];
    const connections = await Promise.all(sessions.map((id) => place.connect(http(server.url), id)));
    const listed = await Promise.all(connections.map((connection) => connection.tools(never)));
    const refreshes = () => authorization.log.filter((line) => line === "POST /token").length;
    const before = refreshes();
    authorization.tokens.clear();
    const call = async (text: string, i: number) => {
      const tool = listed[i]!.find(({ name }) => name === "echo")!;
      return (await connections[i]!.call(tool, { text }, place.context, never)).text;
    };
    const calling = sessions.map(call);
    // One that begins while the others wait for the token.
    await expect.poll(refreshes).toBe(before + 1);
    const late = place.connect(http(server.url), "late");
    expect(await Promise.all(calling)).toEqual(sessions);
    expect(await (await late).tools(never)).not.toEqual([]);
    expect(refreshes()).toBe(before + 1);
    expect(place.asked).toHaveLength(1);
    expect([...place.memory.kept.values()][0]!.text).toContain([...authorization.tokens][0]);
  });

  it("is registered with once by sessions that begin at once", async () => {
    const { authorization, place, server } = await openScene(paste);
    const connecting = ["S", "T", "U"].map((id) => place.connect(http(server.url), id));
    for (const connection of await Promise.all(connecting))
      expect(await connection.tools(never)).not.toEqual([]);
    expect(authorization.clients.size).toBe(1);
  });

  it("is authorized again when no token can be had", async () => {
    const { authorization, place, echo, server } = await openScene(paste);
    const connection = await place.connect(http(server.url));
    const [tool] = await connection.tools(never);
    authorization.tokens.clear();
    authorization.refreshing.clear();
    expect(await connection.call(tool!, {}, place.context, never)).toMatchObject({ failed: true });
    await expect(connection.tools(never)).rejects.toMatchObject({ reason: "unauthenticated" });
    expect(await echo("again")).toMatchObject({ text: "again" });
    expect(place.asked).toHaveLength(2);
  });

  it.each<[string, Answer, object]>([
    [
      "says no",
      () => ({ action: "decline" }),
      { reason: "forbidden", message: "the user did not authorize it" },
    ],
    ["says nothing", () => ({ action: "expire" }), { reason: "timeout" }],
    [
      "pastes another address",
      () => ({
        action: "accept",
        content: { redirect_url: "http://127.0.0.1:1/oauth/callback?code=x&state=y" },
      }),
      { reason: "invalid", message: expect.stringContaining("not the one") },
    ],
    [
      "pastes nonsense",
      () => ({ action: "accept", content: { redirect_url: "done" } }),
      { reason: "invalid" },
    ],
  ])("is not, when the user %s", async (_how, answer, expected) => {
    const { echo, place } = await openScene(() => answer);
    await expect(echo()).rejects.toMatchObject(expected);
    expect([...place.memory.kept.values()].every(({ text }) => !text.includes("access-"))).toBe(true);
  });

  it.each([
    ["the page says no", "error=access_denied", { reason: "forbidden", message: /access_denied/ }],
    [
      "another server answers",
      "code=x&iss=https://evil.test",
      { reason: "forbidden", message: /another server/ },
    ],
    ["the page brings no code", "a=b", { reason: "invalid", message: /no authorization code/ }],
  ])("is not, when %s", async (_what, query, { reason, message }) => {
    const { echo } = await openScene(() => ({ url }) => {
      const state = new URL(url!).searchParams.get("state");
      return { action: "accept", content: { redirect_url: `http://127.0.0.1:1/x?${query}&state=${state}` } };
    });
    await expect(echo()).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
  });
});

describe("a server that leads astray", () => {
  const astray = (metadata: object) => openScene(paste, { metadata });

  it.each([
    ["a page at http", { authorization_endpoint: "http://a.test/$(touch X)" }, /not https/],
    ["a page that is a script", { authorization_endpoint: "javascript:alert(1)" }, /./],
    ["a page that is a file", { authorization_endpoint: "file:///etc/passwd" }, /./],
    ["a page that is a command", { authorization_endpoint: ";touch X" }, /./],
    ["a registration at http", { registration_endpoint: "http://a.test/$(touch X)" }, /not https/],
  ])("to %s: nobody is asked, nothing runs", async (_what, metadata, message) => {
    const { echo, place } = await astray(metadata);
    await expect(echo()).rejects.toMatchObject({ message: expect.stringMatching(message) });
    expect(place.asked).toEqual([]);
    expect(existsSync(join(place.workDir, "X")) || existsSync("X")).toBe(false);
  });

  it("to a token endpoint at http: the code is not sent there", async () => {
    const { echo, place } = await astray({ token_endpoint: "http://a.test/token" });
    await expect(echo()).rejects.toMatchObject({ message: expect.stringContaining("not https") });
    expect(place.memory.kept.get([...place.memory.kept.keys()][0]!)?.text).not.toContain("access");
  });
});
