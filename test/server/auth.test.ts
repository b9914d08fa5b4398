import { spawn } from "node:child_process";
import { connect as connectHttp2 } from "node:http2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuthMode } from "../../src/server/auth.js";
import { createAuthenticator } from "../../src/server/auth.js";
import { localCallersKnown } from "../../src/server/local-caller.js";
import { rawRequest, sendRaw } from "../support/raw-http.js";
import type { TestServer } from "./test-server.js";
import { openTestServer, testToken } from "./test-server.js";

const modes = ["local", "token", "none"] as const;
const servers = new Map<AuthMode, TestServer>();
beforeAll(async () => {
  for (const auth of modes) servers.set(auth, await openTestServer({ auth }));
});
afterAll(async () => {
  for (const server of servers.values()) await server.close();
});

function serverOf(mode: AuthMode): TestServer {
  const server = servers.get(mode);
  if (!server) throw new Error(`no server for ${mode}`);
  return server;
}

const right = `Bearer ${testToken}`;
const wrong = [
  "Bearer x",
  "bearer wrong-token-here",
  "Basic dTpw",
  "",
  "Bearer",
  `Token ${testToken}`,
  `${right} x`,
];

describe.skipIf(!localCallersKnown())("with --auth local", () => {
  it.each([undefined, right, `bearer ${testToken}`, `BEARER  ${testToken}`])(
    "passes %j",
    async (authorization) => {
      const headers = authorization === undefined ? {} : { authorization };
      expect((await fetch(`${serverOf("local").url}/v1/echo`, { headers })).status).toBe(200);
    },
  );
});

it.each([
  ...wrong.map((value) => ["local", value] as const),
  ...wrong.map((value) => ["token", value] as const),
])("with --auth %s refuses %j", async (mode, value) => {
  const server = serverOf(mode);
  const before = server.seen.calls;
  for (const path of ["/v1/echo", "/agentry.v1.RunService/GetRun", "/nothing"]) {
    const lines = [`POST ${path} HTTP/1.1`, "Host: localhost", `Authorization: ${value}`];
    const reply = await sendRaw(server.port, rawRequest(...lines, "Content-Length: 0", "Connection: close"));
    expect(reply.status).toBe(401);
    expect(reply.head).toMatch(/^www-authenticate: Bearer$/im);
    expect(JSON.parse(reply.body)).toMatchObject({ code: "unauthenticated", reason: "unauthenticated" });
  }
  expect(server.seen.calls).toBe(before);
});

describe("with --auth token", () => {
  it("asks everybody", async () => {
    const { url, seen } = serverOf("token");
    const before = seen.calls;
    expect((await fetch(`${url}/v1/echo`)).status).toBe(401);
    expect((await fetch(`${url}/v1/echo?token=${testToken}&access_token=${testToken}`)).status).toBe(401);
    expect(seen.calls).toBe(before);
    expect((await fetch(`${url}/v1/echo`, { headers: { authorization: right } })).status).toBe(200);
  });

  it.each(["/health", "/ready"])("leaves %s open", async (path) => {
    expect((await fetch(serverOf("token").url + path)).status).toBe(200);
    expect((await fetch(serverOf("token").url + path, { method: "HEAD" })).status).toBe(200);
  });

  it("refuses before it reads the body", async () => {
    const { port } = serverOf("token");
    const lines = ["POST /v1/echo HTTP/1.1", "Host: localhost", "Content-Length: 1000000000"];
    const reply = await sendRaw(port, rawRequest(...lines));
    expect(reply.status).toBe(401);
    expect(reply.head).toMatch(/^connection: close$/im);
    expect(reply.closed).toBe(true);
  });

  it("refuses a caller that waits for leave to send", async () => {
    const { port } = serverOf("token");
    const lines = ["POST /v1/echo HTTP/1.1", "Host: localhost", "Content-Length: 5", "Expect: 100-continue"];
    expect((await sendRaw(port, rawRequest(...lines))).status).toBe(401);
    const reply = await sendRaw(port, rawRequest(...lines, `Authorization: ${right}`), 300);
    expect(reply.status).toBe(100);
  });

  it("keeps the connection of a refused request without a body", async () => {
    const { port } = serverOf("token");
    const get = rawRequest("GET /v1/echo HTTP/1.1", "Host: localhost");
    const reply = await sendRaw(port, get + get, 300);
    expect(reply.body).toMatch(/HTTP\/1\.1 401/);
    expect(reply.closed).toBe(false);
  });

  it("refuses one stream and serves the next of the same HTTP/2 session", async () => {
    const session = connectHttp2(serverOf("token").url);
    const status = (headers: Record<string, string>) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":method": "POST", ":path": "/v1/echo", ...headers });
        stream.once("response", (reply) => resolve(reply[":status"]));
        stream.once("error", reject);
        stream.resume();
        stream.end("body");
      });
    expect(await status({})).toBe(401);
    expect(await status({ authorization: right })).toBe(200);
    session.destroy();
  });
});

it("with --auth none passes everybody", async () => {
  const { url } = serverOf("none");
  expect((await fetch(`${url}/v1/echo`)).status).toBe(200);
  expect((await fetch(`${url}/v1/echo`, { headers: { authorization: "Bearer x" } })).status).toBe(200);
});

it.each([
  ["local", "0.0.0.0"],
  ["local", "::"],
  ["local", "192.168.1.4"],
  ["local", "some-host"],
  ["local", "127.1"],
  ["none", "0.0.0.0"],
] as const)("--auth %s refuses to listen on %s", (mode, host) => {
  expect(() => createAuthenticator({ mode, host, token: testToken })).toThrow(/loopback/);
});

it.each(["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"])("%s is loopback", (host) => {
  expect(createAuthenticator({ mode: "local", host, token: testToken })).toBeTypeOf("function");
});

it("asks for the token where a path demands it, whatever the mode", () => {
  const tokenRequired = (path: string) => path.startsWith("/clotho");
  const check = createAuthenticator({ mode: "none", host: "::1", token: testToken, tokenRequired });
  const request = { headers: {}, socket: {} } as Parameters<typeof check>[0];
  expect(check(request, "/v1/agents")).toBeUndefined();
  expect(check(request, "/clotho/x")?.status).toBe(401);
});

const isRoot = process.getuid?.() === 0;

describe("a process of another user", () => {
  const script = `
    const reply = await fetch(process.argv[1]);
    process.stdout.write(String(reply.status));`;
  const run = async (command: string, ...args: string[]) => {
    const child = spawn(command, args, { env: { PATH: process.env.PATH } });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    await new Promise((resolve) => child.once("close", resolve));
    return output;
  };
  const node = ["--input-type=module", "-e", script];

  it.skipIf(!isRoot)("needs the token (skipped unless run as root: it changes its user)", async () => {
    const curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"];
    const url = `${serverOf("local").url}/v1/echo`;
    const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", ...curl];
    expect(await run("setpriv", ...asNobody, url)).toBe("401");
    const header = `Authorization: ${right}`;
    expect(await run("setpriv", ...asNobody, "-H", header, url)).toBe("200");
  });

  it.skipIf(!localCallersKnown())("needs none when it is the same user", async () => {
    expect(await run(process.execPath, ...node, `${serverOf("local").url}/v1/echo`)).toBe("200");
  });
});
