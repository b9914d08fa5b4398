import { once } from "node:events";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, it } from "vitest";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { createConnectMount } from "../../src/server/connect-mount.js";
import { openListener } from "../../src/server/listener.js";
import { writeResponse } from "../../src/server/response-writer.js";

/** Serves one body and tells when its writer has come to an end. */
async function serve(body: AsyncIterable<Uint8Array>) {
  const ended = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    writeResponse(request, response, { status: 200, body }).then(ended.resolve, ended.reject);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, ended: ended.promise, close: () => server.close() };
}

describe("writeResponse", () => {
  it("ends when the reader leaves while it waits for it", async () => {
    const seen = { produced: 0, returned: false };
    async function* flood() {
      try {
        for (;;) {
          seen.produced += 1;
          yield new Uint8Array(16_000);
        }
      } finally {
        seen.returned = true;
      }
    }
    const server = await serve(flood());
    const request = get(server.url);
    const [response] = await once(request, "response");
    response.pause();
    let last = -1;
    const isStill = () => {
      const still = seen.produced === last;
      last = seen.produced;
      return still;
    };
    await expect.poll(isStill, { interval: 200, timeout: 10_000 }).toBe(true);
    response.on("error", () => undefined);
    request.destroy();
    await server.ended;
    expect(seen.returned).toBe(true);
    server.close();
  });

  it("asks a silent source to return when the reader leaves", async () => {
    const returned = Promise.withResolvers<void>();
    const source: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: (value) => {
          returned.resolve();
          return Promise.resolve({ done: true, value });
        },
      }),
    };
    const server = await serve(source);
    const request = get(server.url);
    request.on("error", () => undefined);
    await once(request, "socket").then(([socket]) => once(socket, "connect"));
    request.end();
    setTimeout(() => request.destroy(), 100);
    await returned.promise;
    server.close();
  });

  it("writes what is ready together at once, and the rest when it comes", async () => {
    async function* pieces() {
      for (const text of ["a", "b", "c"]) yield Buffer.from(text);
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const text of ["d", "e"]) yield Buffer.from(text);
    }
    const server = await serve(pieces());
    const chunks: string[] = [];
    const [response] = await once(get(server.url), "response");
    for await (const chunk of response) chunks.push(String(chunk));
    expect(chunks).toEqual(["abc", "de"]);
    server.close();
  });
});

it.each([
  ["Connect", (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
  ["gRPC", (baseUrl: string) => createGrpcTransport({ baseUrl })],
] as const)(
  "without any interceptor a stream over %s returns when its reader leaves",
  async (_, transport) => {
    let returned = false;
    const implementation = {
      async *watchRun() {
        try {
          for (let seq = 1; ; seq += 1) {
            yield { event: { seq } };
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        } finally {
          returned = true;
        }
      },
    };
    const mount = createConnectMount({ services: [{ service: RunService, implementation }] });
    const server = await openListener({ host: "127.0.0.1", port: 0, handler: mount.handle });
    const abort = new AbortController();
    const call = createClient(RunService, transport(server.url)).watchRun({}, { signal: abort.signal });
    await call[Symbol.asyncIterator]().next();
    abort.abort();
    await expect.poll(() => returned).toBe(true);
    await server.close(0);
  },
);

it("refuses to mount what is no function", () => {
  const services = [{ service: RunService, implementation: { getRun: "text" } }];
  expect(() => createConnectMount({ services })).toThrow(/getRun is not a function/);
});
