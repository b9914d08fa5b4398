import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { http, never, openMcpPlace } from "./mcp-place.js";
import type { RawMessage } from "./raw-http-server.js";
import { beginEvents, eventOf, openRawHttpServer } from "./raw-http-server.js";
import { useStdioProgram } from "./stdio-program.js";

const program = useStdioProgram();
const result = { content: [{ type: "text", text: "done" }] };

/** Answers a call by events. */
const events =
  (...parts: ((request: RawMessage) => string)[]) =>
  (request: RawMessage, response: ServerResponse): void => {
    beginEvents(response);
    response.end(parts.map((part) => part(request)).join(""));
  };
const answer = ({ id }: RawMessage): string => eventOf({ id, result });

describe("a server over HTTP that answers a call", () => {
  it.each<[string, (request: RawMessage, response: ServerResponse) => unknown, RegExp]>([
    ["and ends before the result", events(), /call failed: .*it broke off/],
    [
      "and breaks before the result",
      (_request, response) => {
        beginEvents(response);
        response.write(": wait\n\n", () => response.destroy());
      },
      /call failed: .*it broke off/,
    ],
    ["in the middle of an event", events(({ id }) => `data: {"jsonrpc":"2.0","id":${id},`), /it broke off/],
    ["by closing at once", (_request, response) => response.destroy(), /does not answer: ECONNRESET/],
    [
      "compressed",
      (_request, response) =>
        response.writeHead(200, { "content-encoding": "gzip", "content-type": "application/json" }).end("x"),
      /gzip, which was not asked for/,
    ],
    [
      "by a status that is none",
      (_request, response) => response.writeHead(999).end(),
      /call failed: [^\n]+$/,
    ],
    ["by nothing", (_request, response) => response.writeHead(204).end(), /call failed/],
    ["twice", events(answer, ({ id }) => eventOf({ id, result: { content: [] } })), /^done$/],
    [
      "by wrong ids",
      events(
        () => eventOf({ id: 999, result }),
        () => eventOf({ id: "x", result }),
        answer,
      ),
      /^done$/,
    ],
    ["between nonsense", events(() => "data: [1]\n\ndata: {\n\ndata: null\n\n", answer), /^done$/],
    ["by a result without content", events(({ id }) => eventOf({ id, result: {} })), /^\(no output\)$/],
    [
      "by content that is none",
      events(({ id }) => eventOf({ id, result: { content: [1, null, {}] } })),
      /unknown/,
    ],
  ])("%s", async (_how, onCall, expected) => {
    const { url } = await openRawHttpServer({ onCall });
    const place = openMcpPlace(program.path);
    expect((await place.call("act", "", never, http(url))).text).toMatch(expected);
  });

  it("after a flood of requests of its own", async () => {
    const pings = Array.from({ length: 5_000 }, (_one, id) => eventOf({ id, method: "ping" })).join("");
    const { url } = await openRawHttpServer({
      onCall: (request, response) => {
        beginEvents(response);
        response.write(pings);
        setTimeout(() => response.end(answer(request)), 1_000);
      },
    });
    const place = openMcpPlace(program.path);
    expect((await place.call("act", "", never, http(url))).text).toBe("done");
  });

  it("while its own stream ends without end: it is asked for again at most once a second", async () => {
    let streams = 0;
    const { url } = await openRawHttpServer({
      onStream: (response) => {
        streams += 1;
        beginEvents(response);
        response.end("retry: 0\nid: 1\ndata:\n\n");
      },
      onCall: (request, response) => setTimeout(() => events(answer)(request, response), 1_200),
    });
    const place = openMcpPlace(program.path);
    expect((await place.call("act", "", never, http(url))).text).toBe("done");
    expect(streams).toBeLessThanOrEqual(3);
  });
});
