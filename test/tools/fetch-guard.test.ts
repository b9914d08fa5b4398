import { createServer as createTcpServer } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { isPublicAddress } from "../../src/tools/fetch/public-address.js";
import { createFetchTool, fetchTool } from "../../src/tools/fetch.js";
import { listen, serve } from "./fetch-place.js";
import { makeWorkPlace } from "./work-place.js";

const run = (tool: typeof fetchTool, url: string) => makeWorkPlace().call(tool, { url });

const noPublic = "is not on the public internet";
const hosts = [
  "127.0.0.1",
  "localhost",
  "LOCALHOST",
  "[::1]",
  "[::]",
  "0.0.0.0",
  "0",
  "0.1.2.3",
  "2130706433",
  "0x7f.1",
  "0x7F000001",
  "017700000001",
  "0177.0.0.1",
  "127.1",
  "127.0.0.1.",
  "127.255.255.254",
  "１２７.0.0.1",
  "127。0。0。1",
  "%31%32%37.0.0.1",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[64:ff9b:1::7f00:1]",
  "[2002:7f00:1::]",
  "[2001:0:7f00:1::]",
  "169.254.169.254",
  "[::ffff:169.254.169.254]",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
  "[fd00:ec2::254]",
  "[fc00::1]",
  "[fe80::1]",
  "[fec0::1]",
  "[ff02::1]",
  "[2001:db8::1]",
  "10.0.0.1",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.0.1",
  "198.18.0.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
];

describe("fetch by default", () => {
  it.each(hosts)("does not go to %s", async (host) => {
    const { port, seen } = await serve((_, response) => response.end("secret"));
    const output = await run(fetchTool, `http://${host}:${port}/`);
    expect(output).toEqual({ text: expect.stringContaining(noPublic), failed: true });
    expect(seen.connections).toBe(0);
  });

  it.each([
    ["localtest.me", "127.0.0.1"],
    ["metadata.google.internal", "169.254.169.254"],
    ["six.test", "::1"],
    ["mapped.test", "::ffff:127.0.0.1"],
    ["zone.test", "fe80::1%lo"],
    ["nonsense.test", "localhost"],
    ["localhost.", "127.0.0.1"],
  ])("does not go to %s, which is %s", async (host, address) => {
    const { port, seen } = await serve((_, response) => response.end("secret"));
    const tool = createFetchTool({ resolve: async () => [address] });
    const output = await run(tool, `http://${host}:${port}/`);
    expect(output).toEqual({ text: expect.stringContaining(noPublic), failed: true });
    expect(output.text).not.toContain(address);
    expect(seen.connections).toBe(0);
  });

  it("does not go to a name when any of its addresses is closed", async () => {
    const tool = createFetchTool({ resolve: async () => ["93.184.215.14", "10.0.0.1"] });
    expect((await run(tool, "http://mixed.test/")).text).toContain(noPublic);
  });

  it.each(["file:///etc/passwd", "gopher://127.0.0.1/", "data:text/plain,x", "unix:/run/x.sock", "ftp://a/"])(
    "does not know the scheme of %s",
    async (url) => {
      expect((await run(fetchTool, url)).text).toContain("only http and https URLs can be fetched");
    },
  );

  it.each([
    ["http://user:pass@example.com/", "must not hold a user name"],
    ["http://127.0.0.1@example.com/", "must not hold a user name"],
    ["/etc/passwd", "is not an absolute URL"],
    ["http://", "is not an absolute URL"],
    ["http://1.2.3.4.5/", "is not an absolute URL"],
    [`http://example.com/${"x".repeat(9_000)}`, "longer than 8192"],
  ])("refuses %s", async (url, why) => {
    const output = await run(fetchTool, url);
    expect(output).toEqual({ text: expect.stringContaining(why), failed: true });
  });
});

describe("fetch after a redirect", () => {
  const front = "127.0.0.2";
  const allowed = createFetchTool({ allowAddress: (address) => address === front });

  // A header holds no other characters.
  it.each(hosts.filter((host) => /^[ -~]*$/.test(host)))("does not go to %s", async (host) => {
    const inner = await serve((_, response) => response.end("secret"));
    const location = `http://${host}:${inner.port}/`;
    const outer = await serve((_, response) => response.writeHead(302, { location }).end(), front);
    const output = await run(allowed, outer.url);
    expect(output).toEqual({ text: expect.stringContaining("redirects to another place"), failed: true });
    expect(inner.seen.connections).toBe(0);
    expect(outer.seen.requests).toBe(1);
  });

  it.each([
    { name: "another host", to: (port: number) => `http://second.test:${port}/x?y` },
    { name: "a name below", to: (port: number) => `http://a.first.test:${port}/x?y` },
    { name: "another scheme", to: (port: number) => `https://first.test:${port}/x?y` },
  ])("does not go to $name, which nobody approved, and names it", async ({ to }) => {
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return [front];
    };
    const tool = createFetchTool({ allowAddress: (address) => address === front, resolve });
    const server = await serve((_, response) => response.writeHead(302, { location }).end(), front);
    const location = to(server.port);
    const output = await run(tool, `http://first.test:${server.port}/`);
    expect(output).toEqual({
      text: expect.stringContaining(`: fetch ${location} if it is wanted`),
      failed: true,
    });
    expect([asked, server.seen.requests]).toEqual([["first.test"], 1]);
  });

  it("does not go to another port", async () => {
    const inner = await serve((_, response) => response.end("secret"), front);
    const outer = await serve((_, response) => response.writeHead(302, { location: inner.url }).end(), front);
    expect((await run(allowed, outer.url)).text).toContain("redirects to another place");
    expect(inner.seen.connections).toBe(0);
  });

  it.each([
    ["file:///etc/passwd", "only http and https"],
    ["data:text/html,x", "only http and https"],
    ["http://a:b@127.0.0.2/", "must not hold a user name"],
    ["http://[", "is not an absolute URL"],
  ])("refuses %s", async (location, why) => {
    const outer = await serve((_, response) => response.writeHead(307, { location }).end(), front);
    const output = await run(allowed, outer.url);
    expect(output).toEqual({ text: expect.stringContaining(`redirected: `), failed: true });
    expect(output.text).toContain(why);
  });
});

describe("fetch of a name", () => {
  it("resolves once, and dials what was checked", async () => {
    const inner = await serve((_, response) => response.end("secret"));
    const outer = await serve((request, response) => response.end(request.headers.host), "127.0.0.2");
    const answers = ["127.0.0.2", "127.0.0.1"];
    const asked: string[] = [];
    const resolve = async (host: string) => [answers[asked.push(host) - 1] ?? ""];
    const tool = createFetchTool({ allowAddress: (address) => address === "127.0.0.2", resolve });
    const output = await run(tool, `http://rebind.test:${outer.port}/`);
    expect(output.text).toContain(`rebind.test:${outer.port}`);
    expect(asked).toEqual(["rebind.test"]);
    // The second answer is the closed one: a new fetch is refused, and nothing is dialled.
    expect((await run(tool, `http://rebind.test:${inner.port}/`)).text).toContain(noPublic);
    expect(inner.seen.connections).toBe(0);
  });

  it("resolves once again for each redirect", async () => {
    const outer = await serve((_, response) => {
      response.writeHead(302, { location: `http://rebind.test:${outer.port}/2` }).end();
    }, "127.0.0.2");
    const answers = ["127.0.0.2", "127.0.0.1"];
    let asked = 0;
    const resolve = async () => [answers[asked++] ?? ""];
    const tool = createFetchTool({ allowAddress: (address) => address === "127.0.0.2", resolve });
    expect((await run(tool, `http://rebind.test:${outer.port}/`)).text).toContain(noPublic);
    expect(asked).toBe(2);
    expect(outer.seen.requests).toBe(1);
  });

  it.each([
    { name: "fails", resolve: () => Promise.reject(new Error("ENOTFOUND secret")) },
    { name: "knows nothing", resolve: async () => [] },
  ])("says so when the resolver $name", async ({ resolve }) => {
    const output = await run(createFetchTool({ resolve }), "http://nowhere.test/");
    expect(output).toEqual({ text: "nowhere.test has no address", failed: true });
  });

  it("names the host in TLS", async () => {
    let hello = "";
    const server = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (data) => {
        hello = data.toString("latin1");
        socket.destroy();
      });
    });
    const port = await listen(server);
    const tool = createFetchTool({ allowAddress: () => true, resolve: async () => ["127.0.0.1"] });
    const output = await run(tool, `https://tls.test:${port}/`);
    expect(output).toEqual({ text: expect.stringContaining("no answer from tls.test"), failed: true });
    expect(hello.includes("tls.test")).toBe(true);
  });
});

describe("a public address", () => {
  it.each(["93.184.215.14", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1"])(
    "is %s",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each(["", "example.com", "fe80::1%eth0", "2606:4700::1%eth0", "1.1.1", "::ffff:1.1.1.1", "5f00::1"])(
    "is not %j",
    (address) => {
      expect(isPublicAddress(address)).toBe(false);
    },
  );

  it("is none of this machine", () => {
    const own = Object.values(networkInterfaces()).flatMap((ones) => ones ?? []);
    expect(isPublicAddress("1.1.1.1", new Set(["1.1.1.1", "10.0.0.1"]))).toBe(false);
    expect(own.map(({ address }) => isPublicAddress(address))).toEqual(own.map(() => false));
  });
});
