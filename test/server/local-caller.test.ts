import { execFile } from "node:child_process";
import { once } from "node:events";
import type { ServerHttp2Session } from "node:http2";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import {
  findCaller,
  isLocalCaller,
  localCallersKnown,
  noteConnection,
} from "../../src/server/local-caller.js";

const run = promisify(execFile);
const dist = join(import.meta.dirname, "../../dist/src");

async function pair(listenHost: string, connectHost: string) {
  const server = createServer();
  server.listen(0, listenHost);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const client = connect(address.port, connectHost);
  const [accepted] = (await once(server, "connection")) as [Socket];
  return {
    accepted,
    client,
    close: () => {
      client.destroy();
      accepted.destroy();
      server.close();
    },
  };
}

describe.skipIf(!localCallersKnown())("isLocalCaller (skipped where the kernel has no socket table)", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["::", "127.0.0.1"],
    ["::", "::ffff:127.0.0.1"],
    ["0.0.0.0", "127.0.0.1"],
  ])("knows its own process on %s by %s", async (listenHost, connectHost) => {
    const ends = await pair(listenHost, connectHost);
    expect(isLocalCaller(ends.accepted)).toBe(true);
    ends.close();
  });

  it("knows all that have come by the time it is asked of one", async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => pair("127.0.0.1", "127.0.0.1")));
    const [gone, first, ...rest] = all.map(({ accepted }) => accepted);
    for (const { accepted } of all) noteConnection(accepted);
    all[0]!.client.destroy();
    await once(gone!, "close");
    expect(isLocalCaller(first!)).toBe(true);
    for (const { client } of all) client.destroy();
    await Promise.all([first!, ...rest].map((socket) => once(socket, "close")));
    // Answers that were given while the connections were there.
    for (const socket of rest) expect(isLocalCaller(socket)).toBe(true);
    expect(isLocalCaller(gone!)).toBe(false);
    for (const { close } of all) close();
  });

  it("reads the tables once for many that come faster than they can be read", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => pair("127.0.0.1", "127.0.0.1")));
    const waiting = all.map(({ accepted }) => findCaller(accepted));
    const [reading, ...others] = new Set(waiting.filter((found) => found !== undefined));
    // The first may be answered at once.
    expect(waiting.slice(1).every((found) => found === reading)).toBe(true);
    expect(others).toEqual([]);
    await reading;
    expect(all.map(({ accepted }) => findCaller(accepted))).toEqual(all.map(() => undefined));
    for (const { client } of all) client.destroy();
    await Promise.all(all.map(({ accepted }) => once(accepted, "close")));
    // What was found out while they were there.
    expect(all.map(({ accepted }) => isLocalCaller(accepted))).toEqual(all.map(() => true));
    for (const { close } of all) close();
  });

  it("knows of what HTTP/2 shows as its socket, too", async () => {
    const server = createHttp2Server();
    const accepted: Socket[] = [];
    const sessions: ServerHttp2Session[] = [];
    server.on("connection", (socket: Socket) => accepted.push(socket));
    server.on("session", (session) => sessions.push(session));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const clients = Array.from({ length: 5 }, () => connectHttp2(`http://127.0.0.1:${address.port}`));
    await Promise.all(clients.map((client) => once(client, "remoteSettings")));
    await Promise.all(accepted.map((socket) => findCaller(socket)));
    // Nobody has to wait for what is known.
    const shown = sessions.map(({ socket }) => socket);
    expect(shown.map((socket) => findCaller(socket))).toEqual(clients.map(() => undefined));
    expect(shown.map((socket) => isLocalCaller(socket))).toEqual(clients.map(() => true));
    for (const client of clients) client.destroy();
    server.close();
  });

  it("asks again about a caller when the tables could not be read", async () => {
    const program = `
      import { once } from "node:events";
      import { closeSync, openSync } from "node:fs";
      import { connect, createServer } from "node:net";
      import { isLocalCaller } from ${JSON.stringify(join(dist, "server/local-caller.js"))};
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const client = connect(server.address().port, "127.0.0.1");
      const [accepted] = await once(server, "connection");
      const files = [];
      try {
        for (;;) files.push(openSync("/dev/null"));
      } catch {}
      const without = isLocalCaller(accepted);
      for (const file of files) closeSync(file);
      console.log(without, isLocalCaller(accepted));
      process.exit();
    `;
    const node = ["-c", 'ulimit -n 100; exec "$@"', "sh", process.execPath];
    const { stdout } = await run("sh", [...node, "--input-type=module", "--eval", program]);
    expect(stdout.trim()).toBe("false true");
  });

  it("knows nobody whose connection is gone", async () => {
    const ends = await pair("127.0.0.1", "127.0.0.1");
    const { localAddress, localPort, remoteAddress, remotePort } = ends.accepted;
    ends.client.destroy();
    await once(ends.client, "close");
    expect(isLocalCaller({ localAddress, localPort, remoteAddress, remotePort })).toBe(false);
    ends.close();
  });

  it.each([
    {},
    { localAddress: "127.0.0.1", localPort: 1, remoteAddress: "127.0.0.1", remotePort: 2 },
    { localAddress: "::1", localPort: 1, remoteAddress: "nonsense", remotePort: 2 },
    { localAddress: "1::2::3", localPort: 1, remoteAddress: "::1", remotePort: 2 },
    { localAddress: "fe80::1%lo", localPort: 1, remoteAddress: "fe80::2%lo", remotePort: 2 },
  ])("knows nobody at %j", (ends) => {
    expect(isLocalCaller(ends)).toBe(false);
  });
});
