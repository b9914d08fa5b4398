import { describe, expect, it } from "vitest";
import { serve } from "../fetch-place.js";
import { socksRequest, startEcho, startProxy, talk } from "./proxy-place.js";

const front = "127.0.0.2";
const connectTo = (target: string) => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`;
const denied = /^HTTP\/1\.1 (403|400) /;

/** Other spellings of an allowed name, other names that look like it, and addresses. */
const names = [
  "allowed.test.evil",
  "evil.allowed.test",
  "notallowed.test",
  "evil\0.allowed.test",
  "allowed.test\0evil",
  "allowed.test@evil",
  "evil@allowed.test",
  "evil#.allowed.test",
  "evil?.allowed.test",
  "evil/.allowed.test",
  "evil\\.allowed.test",
  "evil\\@allowed.test",
  "allowed.test..",
  ".allowed.test",
  "allowed%2etest",
  "allowed.test%00",
  "al\u00adlowed.test",
  "\u0430llowed.test",
  "xn--llowed-4of.test",
  "\uff41llowed.test",
  "allowed\u3002test",
  "allo\twed.test",
  "allo\nwed.test",
  "allo\r\nwed.test",
  " allowed.test",
  "*.test",
  "*",
  "",
  "127.0.0.1",
  "127.0.0.2",
  "localhost",
  "0.0.0.0",
  "0",
  "2130706433",
  "0x7f.1",
  "017700000001",
  "127.1",
  "[::1]",
  "::1",
  "[::ffff:127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "169.254.169.254",
  "100.100.100.200",
  "[fd00:ec2::254]",
  "10.0.0.1",
  "192.168.0.1",
  "metadata.google.internal",
  "localtest.me",
];
const everyName = Object.fromEntries(names.map((name) => [name, [[front]]]));

async function openScene() {
  const echo = await startEcho(front);
  const proxy = await startProxy({
    hosts: [`allowed.test:${echo.port}`],
    answers: { ...everyName, "allowed.test": [[front]] },
  });
  return { echo, proxy };
}

describe("an allowed name and port", () => {
  it.each(["allowed.test", "ALLOWED.TEST.", "Allowed.Test"])("is reached by CONNECT as %s", async (name) => {
    const { echo, proxy } = await openScene();
    const text = await talk(proxy.port, [connectTo(`${name}:${echo.port}`), "ping"], (all) =>
      all.endsWith("ping"),
    );
    expect(text).toBe("HTTP/1.1 200 Connection Established\r\n\r\nhello ping");
    expect(proxy.asked).toEqual(["allowed.test"]);
  });

  it("is reached by SOCKS 5", async () => {
    const { echo, proxy } = await openScene();
    const text = await talk(proxy.port, [socksRequest("ALLOWED.test.", echo.port), "ping"], (all) =>
      all.endsWith("ping"),
    );
    expect(text).toBe("\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0hello ping");
  });

  it("is reached by SOCKS 5 that arrives byte by byte", async () => {
    const { echo, proxy } = await openScene();
    const bytes = [...socksRequest("allowed.test", echo.port)].map((byte) => Buffer.from([byte]));
    expect(await talk(proxy.port, bytes, (all) => all.endsWith("hello "))).toContain("hello");
  });

  it("is reached by a plain request, which is sent on as it was but for what concerns the proxy", async () => {
    const requests: unknown[] = [];
    const server = await serve((request, response) => {
      let body = "";
      request.on("data", (data) => (body += data));
      request.on("end", () => {
        requests.push({ method: request.method, url: request.url, headers: request.headers, body });
        response.writeHead(201, { "x-answer": "1", connection: "x-hop", "x-hop": "1" }).end("made");
      });
    }, front);
    const proxy = await startProxy({
      hosts: [`allowed.test:${server.port}`],
      answers: { "allowed.test": [[front]] },
    });
    const text = await talk(proxy.port, [
      `POST http://allowed.test:${server.port}/a/../b?c=%20 HTTP/1.1\r\nHost: evil.test\r\nX-Mine: 1\r\n` +
        "Proxy-Authorization: Basic eA==\r\nConnection: close, x-gone\r\nX-Gone: 1\r\nContent-Length: 4\r\n\r\nbody",
    ]);
    expect(text).toMatch(/^HTTP\/1\.1 201 Created\r\nx-answer: 1\r\n/);
    expect(text).toMatch(/\r\n\r\n4\r\nmade\r\n0\r\n\r\n$|\r\n\r\nmade$/);
    expect(text).not.toContain("x-hop");
    expect(requests).toEqual([
      {
        method: "POST",
        url: "/a/../b?c=%20",
        headers: {
          host: `allowed.test:${server.port}`,
          "x-mine": "1",
          "content-length": "4",
          connection: "close",
        },
        body: "body",
      },
    ]);
  });

  it("is reached on another request of the same connection only where that is allowed too", async () => {
    const server = await serve((_, response) => response.end("fine"), front);
    const proxy = await startProxy({
      hosts: [`allowed.test:${server.port}`],
      answers: { ...everyName, "allowed.test": [[front]] },
    });
    const get = (host: string) => `GET http://${host}:${server.port}/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n`;
    const text = await talk(proxy.port, [get("allowed.test"), get("notallowed.test")], (all) =>
      all.includes("agentry:"),
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*fine[\s\S]*HTTP\/1\.1 403 Forbidden/);
    expect(server.seen.connections).toBe(1);
  });
});

describe("nothing else", () => {
  // Space before a target belongs to the line, not to the target.
  it.each(names.filter((name) => !name.startsWith(" ")))("is reached by CONNECT: %j", async (name) => {
    const { echo, proxy } = await openScene();
    const text = await talk(proxy.port, [connectTo(`${name}:${echo.port}`)]);
    // What is no HTTP at all is not answered.
    expect(text).toMatch(text === "" ? /^$/ : denied);
    expect([echo.seen.connections, proxy.asked]).toEqual([0, []]);
  });

  it.each(names)("is reached by a plain request: %j", async (name) => {
    const { echo, proxy } = await openScene();
    const text = await talk(proxy.port, [
      `GET http://${name}:${echo.port}/ HTTP/1.1\r\nHost: allowed.test:${echo.port}\r\nConnection: close\r\n\r\n`,
    ]);
    expect(text).toMatch(text === "" ? /^$/ : denied);
    expect([echo.seen.connections, proxy.asked]).toEqual([0, []]);
  });

  it.each(names)("is reached by SOCKS 5: %j", async (name) => {
    const { echo, proxy } = await openScene();
    const bytes = Buffer.from(name, "utf8").toString("latin1");
    expect(await talk(proxy.port, [socksRequest(bytes, echo.port)])).toBe("\x05\0\x05\x02\0\x01\0\0\0\0\0\0");
    expect([echo.seen.connections, proxy.asked]).toEqual([0, []]);
  });

  it.each([
    ["IPv4", [127, 0, 0, 2]],
    ["IPv6", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 2]],
  ])("is reached by an address of %s in SOCKS 5", async (_name, address) => {
    const { echo, proxy } = await openScene();
    expect(await talk(proxy.port, [socksRequest(address, echo.port)])).toBe(
      "\x05\0\x05\x02\0\x01\0\0\0\0\0\0",
    );
    expect(echo.seen.connections).toBe(0);
  });

  it.each([2, 3, 0])("is done for the SOCKS 5 command %i", async (command) => {
    const { echo, proxy } = await openScene();
    const text = await talk(proxy.port, [socksRequest("allowed.test", echo.port, command)]);
    expect(text).toBe("\x05\0\x05\x07\0\x01\0\0\0\0\0\0");
    expect(echo.seen.connections).toBe(0);
  });

  it("is reached by SOCKS 5 with a password, or SOCKS 4", async () => {
    const { echo, proxy } = await openScene();
    expect(await talk(proxy.port, [Buffer.from([5, 1, 2])])).toBe("\x05\xff");
    expect(await talk(proxy.port, [Buffer.from([4, 1, 0, 80, 127, 0, 0, 2, 0])])).toMatch(
      /^$|^HTTP\/1\.1 400/,
    );
    expect(echo.seen.connections).toBe(0);
  });

  it.each([1, -1])("is reached on a port that is %i beside", async (by) => {
    const { echo, proxy } = await openScene();
    expect(await talk(proxy.port, [connectTo(`allowed.test:${echo.port + by}`)])).toMatch(denied);
    expect(await talk(proxy.port, [connectTo(`allowed.test:${echo.port + 65_536}`)])).toMatch(denied);
    expect(await talk(proxy.port, [connectTo("allowed.test")])).toMatch(denied);
    expect(proxy.asked).toEqual([]);
  });

  it.each(["/", "http:///", "https://allowed.test/", "ftp://allowed.test/", "http://u:p@allowed.test/", "*"])(
    "is asked for by a plain request to %s",
    async (target) => {
      const proxy = await startProxy({ hosts: ["allowed.test"], answers: { "allowed.test": [[front]] } });
      const request = `GET ${target} HTTP/1.1\r\nHost: allowed.test\r\nConnection: close\r\n\r\n`;
      expect(await talk(proxy.port, [request])).toMatch(denied);
      expect(proxy.asked).toEqual([]);
    },
  );
});

describe("an allowed name that leads to a closed address", () => {
  it.each([
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "0.0.0.0",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fe80::1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
  ])("is refused: %s", async (address) => {
    const echo = await startEcho("127.0.0.1");
    const proxy = await startProxy({
      hosts: [`allowed.test:${echo.port}`],
      answers: { "allowed.test": [[address]] },
    });
    const text = await talk(proxy.port, [connectTo(`allowed.test:${echo.port}`)]);
    expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(text).toContain("is not on the public internet");
    expect(text).not.toContain(`${address}\n`);
    expect(await talk(proxy.port, [socksRequest("allowed.test", echo.port)])).toContain("\x05\x02");
    expect(echo.seen.connections).toBe(0);
  });

  it("is refused when one of several is closed", async () => {
    const { echo } = await openScene();
    const answers = { "allowed.test": [[front, "127.0.0.1"]] };
    const proxy = await startProxy({ hosts: [`allowed.test:${echo.port}`], answers });
    expect(await talk(proxy.port, [connectTo(`allowed.test:${echo.port}`)])).toMatch(denied);
    expect(echo.seen.connections).toBe(0);
  });

  it("is resolved once: what was checked is dialled", async () => {
    const inner = await startEcho("127.0.0.1");
    const outer = await startEcho(front);
    const answers = { "allowed.test": [[front], ["127.0.0.1"]] };
    const hosts = [`allowed.test:${outer.port}`, `allowed.test:${inner.port}`];
    const proxy = await startProxy({ hosts, answers });
    const reply = await talk(proxy.port, [connectTo(`allowed.test:${outer.port}`)], (all) =>
      all.endsWith("hello "),
    );
    expect(reply).toContain("200");
    expect(proxy.asked).toHaveLength(1);
    expect(await talk(proxy.port, [connectTo(`allowed.test:${inner.port}`)])).toMatch(denied);
    expect([inner.seen.connections, outer.seen.connections]).toEqual([0, 1]);
  });

  it.each([
    { name: "has no address", answers: [[]] },
    { name: "does not answer", answers: [["127.0.0.3"]] },
  ])("is answered with 502 when it $name", async ({ answers }) => {
    const proxy = await startProxy({
      hosts: ["allowed.test:1"],
      answers: { "allowed.test": answers },
      open: ["127.0.0.3"],
    });
    expect(await talk(proxy.port, [connectTo("allowed.test:1")])).toMatch(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
    expect(await talk(proxy.port, [socksRequest("allowed.test", 1)])).toContain("\x05\x04");
  });
});
