import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { ServerProcess } from "../support/server-process.js";
import { startServerProcess } from "../support/server-process.js";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess({ args: ["--log-level", "warn"] });
});

const types = { headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, windowUpdate: 8, continuation: 9 };
const flags = { none: 0, endStream: 1, endHeaders: 4 };

/** A frame of HTTP/2: RFC 9113, 4.1. */
function frame(type: number, flag: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const literal = (name: number, value: string): Buffer =>
  Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)]);
/** GET http://localhost/health in HPACK. */
const request = Buffer.concat([Buffer.from([0x82, 0x86]), literal(4, "/health"), literal(1, "localhost")]);
const get = (stream: number): Buffer =>
  frame(types.headers, flags.endHeaders | flags.endStream, stream, request);
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
/** A header of 4,000 bytes that goes to the table, and then is named by one byte again and again. */
const bomb = Buffer.concat([
  request,
  Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
  Buffer.alloc(4000, 0x61),
  Buffer.alloc(10_000, 0xbe),
]);

interface Abuse {
  readonly name: string;
  /** The frames of one round; streams have odd numbers. */
  readonly round: (stream: number) => readonly Buffer[];
  readonly rounds: number;
}

const abuses: readonly Abuse[] = [
  {
    name: "requests that are taken back at once",
    round: (stream) => [get(stream), frame(types.reset, 0, stream, number(8))],
    rounds: 50_000,
  },
  {
    name: "headers without an end",
    round: (stream) =>
      stream === 1
        ? [frame(types.headers, flags.endStream, 1, request)]
        : [
            frame(
              types.continuation,
              flags.none,
              1,
              Buffer.concat([Buffer.from([0, 1, 0x78, 100]), Buffer.alloc(100, 0x61)]),
            ),
          ],
    rounds: 50_000,
  },
  { name: "pings", round: () => [frame(types.ping, 0, 0, Buffer.alloc(8))], rounds: 100_000 },
  {
    name: "settings",
    round: () => [frame(types.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0xff, 0xff]))],
    rounds: 100_000,
  },
  { name: "empty settings", round: () => [frame(types.settings, 0, 0)], rounds: 100_000 },
  {
    name: "windows without an end",
    round: () => [frame(types.windowUpdate, 0, 0, number(0x7fffffff))],
    rounds: 1_000,
  },
  {
    name: "a window that is shut",
    round: (stream) => [frame(types.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])), get(stream)],
    rounds: 5_000,
  },
  {
    name: "a table that explodes",
    round: (stream) => [frame(types.headers, flags.endHeaders | flags.endStream, stream, bomb)],
    rounds: 50,
  },
  {
    name: "requests without a path",
    round: (stream) => [
      frame(types.headers, flags.endHeaders | flags.endStream, stream, Buffer.from([0x82])),
    ],
    rounds: 2_000,
  },
  {
    name: "names that are none",
    round: (stream) => [
      frame(
        types.headers,
        flags.endHeaders | flags.endStream,
        stream,
        Buffer.concat([request, Buffer.from([0, 2, 0x0d, 0x0a, 1, 0x61])]),
      ),
    ],
    rounds: 2_000,
  },
  { name: "streams that come again", round: () => [get(1)], rounds: 2_000 },
  {
    name: "priorities",
    round: (stream) => [frame(types.priority, 0, stream, Buffer.alloc(5))],
    rounds: 50_000,
  },
  {
    name: "frames that are too long",
    round: (stream) => [frame(types.headers, flags.endHeaders, stream, Buffer.alloc(20_000))],
    rounds: 5,
  },
];

const megabytes = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1]) / 1024;

/** Writes rounds as fast as they are taken, until all are written or the server closes. Reads, or does not. */
async function abuse({ round, rounds }: Abuse, reads: boolean): Promise<void> {
  const socket: Socket = connect(server.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.on("error", () => undefined);
  if (reads) socket.resume();
  else socket.pause();
  socket.write(preface);
  for (let at = 0; at < rounds && !socket.destroyed; at += 500) {
    const some = Array.from({ length: Math.min(500, rounds - at) }, (_, i) => round((at + i) * 2 + 1));
    if (socket.write(Buffer.concat(some.flat()))) continue;
    const drained = new Promise<void>((resolve) => socket.once("drain", () => resolve()));
    const late = new Promise<string>((resolve) => setTimeout(resolve, 3000, "late"));
    // Who does not read is not read from either.
    if ((await Promise.race([drained, closed, late])) === "late") break;
  }
}

/** What a caller of good will gets meanwhile, over both versions of HTTP. */
async function expectService(): Promise<void> {
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  const session = connectHttp2(server.url);
  const status = await new Promise((resolve, reject) => {
    session.once("error", reject);
    session
      .request({ ":path": "/health" })
      .once("response", (reply) => resolve(reply[":status"]))
      .resume();
  });
  session.destroy();
  expect(status).toBe(200);
}

const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(types.settings, 0, 0)]);

it("answers a request that is written like these", async () => {
  const socket = connect(server.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (data: Buffer) => (text += data.toString("latin1")));
  socket.write(Buffer.concat([preface, get(1)]));
  await expect.poll(() => text).toContain('{"status":"ok"}');
});

describe.skipIf(process.platform !== "linux")("a connection of HTTP/2 that sends", () => {
  it.each(abuses.flatMap((one) => [true, false].map((reads) => [one.name, reads, one] as const)))(
    "%s, and reads: %s, does not disturb others",
    async (_name, reads, one) => {
      await expectService();
      const before = megabytes();
      const abusing = Promise.all([abuse(one, reads), abuse(one, reads)]);
      await expectService();
      await abusing;
      await expectService();
      expect(server.child.exitCode ?? server.child.signalCode).toBeNull();
      expect(megabytes() - before).toBeLessThan(100);
      expect(server.logs()).not.toMatch(/"level":"(error|fatal)"|\n\s+at /);
    },
    30_000,
  );
});
