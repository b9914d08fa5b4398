import { describe, expect, it } from "vitest";
import { openHttpPlace, serve } from "./http-place.js";
import { http, never, openMcpPlace } from "./mcp-place.js";
import { useStdioProgram } from "./stdio-program.js";

const program = useStdioProgram();
const open = (options: Parameters<typeof openMcpPlace>[1] = {}) => openMcpPlace(program.path, options);

describe("a server over HTTP", () => {
  it("says what it offers, and answers calls", async () => {
    const { url, received } = await openHttpPlace();
    const place = open();
    expect(await place.call("echo", "hello", never, http(url))).toEqual({ text: "hello", failed: false });
    expect(received.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(received.every(({ headers }) => headers["user-agent"] === "agentry")).toBe(true);
  });

  it("asks the user, tells progress, and is told of a cancel", async () => {
    const { url } = await openHttpPlace();
    const place = open({ answer: () => ({ action: "accept", content: { color: "red" } }) });
    expect((await place.call("ask", "", never, http(url))).text).toContain('"red"');
    const cancel = new AbortController();
    const slow = place.call("slow", "", cancel.signal, http(url));
    await expect.poll(() => place.output.join("")).toContain("halfway");
    cancel.abort();
    await expect(slow).rejects.toMatchObject({ reason: "canceled" });
    await expect
      .poll(async () => (await place.call("canceled", "", never, http(url))).text)
      .toBe("it was canceled");
  });

  it("gets the token that was stored for its origin, and no other", async () => {
    const [one, other] = [await openHttpPlace(), await openHttpPlace()];
    const place = open();
    const secret = { key: "token-0123456789", origin: one.origin, baseUrl: "" };
    place.memory.secrets.set(`mcp:${one.origin}`, secret).set(`mcp:${other.origin}`, secret);
    await place.call("echo", "", never, http(one.url));
    await place.call("echo", "", never, http(other.url));
    expect(new Set(one.received.map(({ headers }) => headers.authorization))).toEqual(
      new Set(["Bearer token-0123456789"]),
    );
    expect(new Set(other.received.map(({ headers }) => headers.authorization))).toEqual(new Set([undefined]));
  });

  it("is told when its session is over", async () => {
    const { url, received } = await openHttpPlace();
    const place = open();
    await place.connect(http(url));
    await place.servers.leave("S");
    expect(received.at(-1)?.method).toBe("DELETE");
  });

  it("cannot show the token to the model", async () => {
    const { url, origin } = await openHttpPlace();
    const place = open();
    place.redactor.add("token-0123456789");
    place.memory.secrets.set(`mcp:${origin}`, { key: "token-0123456789", origin, baseUrl: "" });
    const { text } = await place.call("headers", "", never, http(url));
    expect(text).toContain('"authorization":"Bearer [secret]"');
  });

  it.each([301, 302, 303, 307, 308])("is not followed to another origin by %s", async (status) => {
    const visits: string[] = [];
    const elsewhere = await serve((request, response) => {
      visits.push(request.url!);
      response.end();
    });
    const { url, origin } = await openHttpPlace({
      before: (_request, response) =>
        Boolean(response.writeHead(status, { location: `${elsewhere}/x` }).end()),
    });
    const place = open();
    place.memory.secrets.set(`mcp:${origin}`, { key: "token-0123456789", origin, baseUrl: "" });
    await expect(place.connect(http(url))).rejects.toMatchObject({ reason: "unavailable" });
    expect(visits).toEqual([]);
  });

  it("is begun anew within a run when it has forgotten its session", async () => {
    const { url, forget } = await openHttpPlace();
    const place = open();
    const connection = await place.connect(http(url));
    const [tool] = await connection.tools(never);
    forget();
    expect(await connection.call(tool!, {}, place.context, never)).toMatchObject({ failed: true });
    await expect(connection.tools(never)).rejects.toMatchObject({ detail: { retryable: true } });
    expect(await place.call("echo", "b", never, http(url))).toMatchObject({ text: "b" });
  });
});

describe("a server over HTTP that fails", () => {
  const long = "x".repeat(5 * 1024 * 1024);

  it.each([
    ["a page", 200, "text/html", "<p>hello</p>", /Unexpected content type/],
    ["an error with lines", 500, "text/plain", "a\nb\u001b[31m", /a b\\u\{1b\}/],
    ["JSON that is none", 200, "application/json", "{", /JSON/],
    ["an answer that is too long", 200, "application/json", `"${long}"`, /longer than 4194304 bytes/],
    ["an event that is too long", 200, "text/event-stream", `data: ${long}`, /longer than 4194304 bytes/],
  ])("by %s: a fault with one line", async (_what, status, type, body, expected) => {
    const { url } = await openHttpPlace({
      before: (_request, response) => Boolean(response.writeHead(status, { "content-type": type }).end(body)),
    });
    const failing = open({ times: { answerMs: 1_500 } }).connect(http(url));
    await expect(failing).rejects.toMatchObject({
      reason: "unavailable",
      message: expect.stringMatching(expected),
    });
    await expect(failing).rejects.toMatchObject({ message: expect.not.stringMatching(/\n/) });
  });

  it("by echoing the token: nobody is shown it", async () => {
    const { url, origin } = await openHttpPlace({
      before: (request, response) =>
        Boolean(response.writeHead(500).end(`no: ${request.headers.authorization}`)),
    });
    const place = open();
    place.redactor.add("token-0123456789");
    place.memory.secrets.set(`mcp:${origin}`, { key: "token-0123456789", origin, baseUrl: "" });
    const failing = place.connect(http(url));
    await expect(failing).rejects.toMatchObject({ message: expect.stringContaining("no: Bearer [secret]") });
  });

  it("by echoing the token at the end of the line: nobody is shown a part of it", async () => {
    const { url, origin } = await openHttpPlace({
      before: (request, response) =>
        Boolean(response.writeHead(500).end("x".repeat(235) + request.headers.authorization)),
    });
    const place = open();
    place.redactor.add("token-0123456789");
    place.memory.secrets.set(`mcp:${origin}`, { key: "token-0123456789", origin, baseUrl: "" });
    await expect(place.connect(http(url))).rejects.toMatchObject({
      message: expect.not.stringContaining("tok"),
    });
  });

  it("by echoing the token in the middle of a session: nobody is shown it", async () => {
    let fails = false;
    const { url, origin } = await openHttpPlace({
      before: (request, response) =>
        fails && Boolean(response.writeHead(500).end(`no: ${request.headers.authorization}`)),
    });
    const place = open();
    place.redactor.add("token-0123456789");
    place.memory.secrets.set(`mcp:${origin}`, { key: "token-0123456789", origin, baseUrl: "" });
    await place.connect(http(url));
    const connection = await place.connect(http(url));
    fails = true;
    await expect(connection.tools(never)).rejects.toMatchObject({
      reason: "unavailable",
      message: expect.stringContaining("no: Bearer [secret]"),
    });
  });

  it("by not being there", async () => {
    const failing = open().connect(http("http://127.0.0.1:9999/"));
    await expect(failing).rejects.toMatchObject({ message: "it does not answer: ECONNREFUSED" });
  });

  it.each(["http://example.com/mcp", "file:///etc/passwd", "https://a:b@example.com/", "nothing"])(
    "because of its address: %s",
    async (url) => {
      await expect(open().connect(http(url))).rejects.toMatchObject({ reason: "invalid" });
    },
  );
});
