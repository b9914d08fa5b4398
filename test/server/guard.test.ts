import type { OutgoingHttpHeaders } from "node:http2";
import { connect as connectHttp2 } from "node:http2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawRequest, sendRaw } from "../support/raw-http.js";
import type { TestServer } from "./test-server.js";
import { openTestServer } from "./test-server.js";

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer({ names: ["agents.example"] });
});
afterAll(() => server.close());

const targets = ["/health", "/v1/echo", "/agentry.v1.RunService/GetRun"];
const close = "Connection: close";

async function overHttp2(headers: OutgoingHttpHeaders): Promise<number> {
  const session = connectHttp2(server.url);
  try {
    return await new Promise<number>((resolve, reject) => {
      session.once("error", reject);
      const stream = session.request(headers);
      stream.once("response", (reply) => resolve(Number(reply[":status"])));
      stream.once("error", () => resolve(400));
      stream.resume();
    });
  } finally {
    session.destroy();
  }
}

describe("the host of a request", () => {
  const allowed = ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:1", "127.0.0.1:65535", "agents.example:9"];
  const refused = [
    ["evil.example", 421],
    ["127.0.0.1.nip.io", 421],
    ["localhost.evil.com", 421],
    ["localhost.", 421],
    ["0.0.0.0:2323", 421],
    ["[::]", 421],
    ["2130706433", 421],
    ["", 400],
    ["[", 400],
    ["[::1", 400],
    [":::", 400],
    ["a b", 400],
    ["localhost:99999", 400],
    ["localhost:", 400],
    ["user@localhost", 400],
    ["localhost,evil.example", 400],
    ["%00", 400],
  ] as const;

  it.each(allowed)("may be %s", async (host) => {
    const reply = await sendRaw(server.port, rawRequest("GET /health HTTP/1.1", `Host: ${host}`, close));
    expect(reply.status).toBe(200);
    expect(await overHttp2({ ":path": "/health", ":authority": host })).toBe(200);
  });

  it("that is another one is told how to become one of them", async () => {
    const reply = await sendRaw(server.port, rawRequest("GET / HTTP/1.1", "Host: 10.0.0.7:2323", close));
    expect([reply.status, reply.body]).toEqual([421, expect.stringContaining("--server-name")]);
  });

  it.each(refused)("may not be %j", async (host, status) => {
    const before = server.seen.calls;
    for (const target of targets) {
      const lines = [`POST ${target} HTTP/1.1`, `Host: ${host}`, "Content-Length: 0", close];
      const reply = await sendRaw(server.port, rawRequest(...lines));
      expect(reply.status, target).toBe(status);
      expect(reply.head.toLowerCase()).not.toContain("access-control");
      if (host !== "") {
        const h2 = await overHttp2({ ":method": "POST", ":path": target, ":authority": host });
        // A host that is no host at all may be refused by the HTTP/2 library before the guard.
        expect([status, 400], target).toContain(h2);
      }
    }
    expect(server.seen.calls).toBe(before);
  });

  it.each([
    ["is absent in HTTP/1.0", ["GET /health HTTP/1.0"], 400],
    ["is absent in HTTP/1.1", ["GET /health HTTP/1.1"], 400],
    ["is there twice", ["GET /health HTTP/1.1", "Host: localhost", "Host: evil.example"], 400],
    ["is there twice, the same", ["GET /health HTTP/1.1", "Host: localhost", "host: localhost"], 400],
    ["differs in an absolute target", ["GET http://evil/health HTTP/1.1", "Host: localhost"], 421],
    ["is malformed in an absolute target", ["GET http://[/health HTTP/1.1", "Host: localhost"], 400],
    ["is ours in an absolute target", ["GET http://localhost:1/health HTTP/1.1", "Host: localhost"], 200],
    ["belongs to no http target", ["GET ftp://localhost/health HTTP/1.1", "Host: localhost"], 400],
    ["comes with another :authority", [], 400],
  ] as const)("%s", async (name, lines, status) => {
    if (name.includes(":authority")) {
      expect(await overHttp2({ ":path": "/health", ":authority": "localhost", host: "evil.example" })).toBe(
        status,
      );
      return;
    }
    expect((await sendRaw(server.port, rawRequest(...lines, close))).status).toBe(status);
  });
});

describe("the origin of a request", () => {
  const foreign = () => [
    "http://localhost:9999",
    "http://localhost:80.evil.com",
    "http://127.0.0.1.evil.com",
    `http://127.0.0.1.evil.com:${server.port}`,
    `https://localhost:${server.port}`,
    `http://user@localhost:${server.port}`,
    `http://localhost:${server.port}/`,
    `http://localhost:${server.port},http://evil`,
    "https://evil.example",
    "http://[::1]:1",
    "http://localhost",
    "null",
    "",
    "file://",
    "chrome-extension://x",
    "a".repeat(4096),
  ];

  it("is refused on every path and protocol unless it is this server", async () => {
    const before = server.seen.calls;
    for (const origin of foreign()) {
      for (const target of targets) {
        for (const method of ["POST", "GET", "OPTIONS"]) {
          const head = [`${method} ${target} HTTP/1.1`, "Host: localhost", `Origin: ${origin}`];
          const reply = await sendRaw(server.port, rawRequest(...head, "Content-Length: 0", close));
          expect(reply.status, `${method} ${target} from ${origin.slice(0, 40)}`).toBe(403);
          expect(reply.head.toLowerCase()).not.toContain("access-control");
        }
      }
      expect(await overHttp2({ ":path": "/health", origin })).toBe(403);
    }
    expect(server.seen.calls).toBe(before);
  });

  it.each(["localhost", "127.0.0.1", "[::1]", "agents.example"])("may be this server as %s", async (host) => {
    const origin = `http://${host}:${server.port}`;
    expect(await overHttp2({ ":path": "/health", origin })).toBe(200);
    const lines = ["GET /health HTTP/1.1", "Host: localhost", `Origin: ${origin}`, close];
    expect((await sendRaw(server.port, rawRequest(...lines))).status).toBe(200);
  });

  it.each([
    ["cross-site", 403],
    ["same-site", 403],
    ["Cross-Site", 403],
    ["same-origin", 200],
    ["none", 200],
  ])("is refused by Sec-Fetch-Site: %s with %i", async (site, status) => {
    expect(await overHttp2({ ":path": "/health", "sec-fetch-site": site })).toBe(status);
    const lines = ["GET /health HTTP/1.1", "Host: localhost", `Sec-Fetch-Site: ${site}`, close];
    expect((await sendRaw(server.port, rawRequest(...lines))).status).toBe(status);
  });

  it.each(["https://evil.example", "null", "file://"])(
    "is refused for a WebSocket from %s",
    async (origin) => {
      const lines = ["GET /v1/echo HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade"];
      const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
      const request = rawRequest(...lines, key, "Sec-WebSocket-Version: 13", `Origin: ${origin}`);
      expect((await sendRaw(server.port, request, 300)).status).toBe(403);
    },
  );
});

it("survives a thousand mutated hosts and origins", async () => {
  const seeds = [
    "localhost",
    "[::1]",
    "http://localhost",
    "evil.example",
    "[",
    ":::",
    "%00",
    "http://[::1",
    "ü€",
  ];
  const pieces = [
    "[",
    "]",
    ":",
    "/",
    "@",
    "%",
    "\\",
    "?",
    "#",
    ".",

    "é",
    "\u00ff",
    "99999",
    "x".repeat(16_000),
  ];
  let state = 42;
  const next = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  const allowed = /^(\[::1\]|localhost)$/;
  const mutate = (): string => {
    let text = seeds[next(seeds.length)] ?? "";
    for (let n = next(4); n >= 0; n -= 1) {
      const at = next(text.length + 1);
      text = text.slice(0, at) + (pieces[next(pieces.length)] ?? "") + text.slice(at + next(2));
    }
    return allowed.test(text) ? mutate() : text;
  };
  const statuses = new Set<number>();
  for (let batch = 0; batch < 50; batch += 1) {
    const replies = Array.from({ length: 20 }, (_, i) => {
      const asHost = i % 2 === 0;
      const target = targets[i % targets.length] ?? "/";
      const lines = [`POST ${target} HTTP/1.1`, asHost ? `Host: ${mutate()}` : "Host: localhost"];
      if (!asHost) lines.push(`Origin: ${mutate()}`);
      return sendRaw(server.port, rawRequest(...lines, "Content-Length: 0", close));
    });
    for (const { status } of await Promise.all(replies)) statuses.add(status);
  }
  for (const status of statuses) expect([400, 403, 421, 431]).toContain(status);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});
