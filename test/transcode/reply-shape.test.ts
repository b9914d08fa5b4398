import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SessionService } from "../../gen/wingman/v1/sessions_pb.js";
import type { Dialect } from "../../src/transcode/dialect.js";
import { createTranscoder } from "../../src/transcode/transcoder.js";
import { parseSse, plainDialect } from "./gateway.js";

const implementation = {
  listSessions: () => ({ sessions: [{ id: "a" }, { id: "b", history: [{ role: "user" }] }] }),
  deleteSession: () => ({ status: "deleted" }),
  sendMessage: () => ({ usage: {} }),
  *events() {
    yield { event: { case: "textDelta", value: { type: "text_delta", text: "Hi" } } };
    yield { event: { case: "text", value: { content: "a\u0085b\u2028c\u2029d\ne" } } };
    yield { event: { case: undefined } };
    yield { event: { case: "done", value: { usage: { inputTokens: 1 }, steps: 0 } } };
  },
  async *streamMessage() {
    yield* this.events();
  },
};

async function open(dialect: Partial<Dialect>): Promise<{ server: Server; url: string }> {
  const service = { service: SessionService, implementation, dialect: { ...plainDialect, ...dialect } };
  const transcoder = createTranscoder({ services: [service], interceptors: [], maxBodyBytes: 1000 });
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://x");
    if (transcoder.matches(pathname) && transcoder.handle(request, response)) return;
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

let tolerant: { server: Server; url: string };
let strict: { server: Server; url: string };
beforeAll(async () => {
  tolerant = await open({ slashAtEnd: "ignore" });
  strict = await open({});
});
afterAll(() => {
  tolerant.server.close();
  strict.server.close();
});

describe("a field that is marked to be printed when empty", () => {
  it("is, where fields beside it are not", async () => {
    const listed = await fetch(`${tolerant.url}/sessions`);
    expect(await listed.text()).toBe(
      '[{"id":"a","history":[]},{"id":"b","history":[{"role":"user","content":[]}]}]',
    );
    const sent = await fetch(`${tolerant.url}/sessions/a/message`, { method: "POST" });
    expect(await sent.text()).toBe(
      '{"response":"","tool_calls":[],"usage":{"input_tokens":0,"output_tokens":0},"steps":0}',
    );
  });
});

describe("a stream whose data is a oneof", () => {
  const send = (accept: string) =>
    fetch(`${tolerant.url}/sessions/a/message/stream`, { method: "POST", headers: { accept } });

  it("sends the set field alone, under its name", async () => {
    expect(parseSse(await (await send("text/event-stream")).text())).toEqual([
      { event: "text_delta", data: '{"type":"text_delta","text":"Hi"}' },
      { event: "text", data: '{"content":"a\\u0085b\\u2028c\\u2029d\\ne"}' },
      { data: "{}" },
      { event: "done", data: '{"usage":{"input_tokens":1,"output_tokens":0},"steps":0}' },
    ]);
  });

  it("does so in lines too", async () => {
    const lines = (await (await send("application/x-ndjson")).text()).split("\n");
    expect(lines[0]).toBe('{"type":"text_delta","text":"Hi"}');
  });
});

describe("a slash at the end of a path", () => {
  it.each([
    ["a dialect that says so", () => tolerant.url, "/sessions/", 200],
    ["a dialect that says so, but only one", () => tolerant.url, "/sessions//", 404],
    ["a dialect that does not", () => strict.url, "/sessions/", 404],
  ])("is passed over by %s", async (_, url, path, status) => {
    expect((await fetch(url() + path)).status).toBe(status);
  });
});

describe("a body where none is taken", () => {
  it("is passed over or refused, as unknown members are", async () => {
    const { server, url } = await open({ unknownFields: "ignore" });
    const remove = (at: string) => fetch(`${at}/sessions/a`, { method: "DELETE", body: "no JSON" });
    expect((await remove(url)).status).toBe(200);
    expect((await remove(strict.url)).status).toBe(400);
    server.close();
  });
});
