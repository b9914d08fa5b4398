import type { RequestListener } from "node:http";
import { pipeline, Readable } from "node:stream";
import { brotliCompressSync, createGzip, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createFetchTool, fetchTool } from "../../src/tools/fetch.js";
import { serve } from "./fetch-place.js";
import { makeWorkPlace } from "./work-place.js";

const tool = createFetchTool({ allowAddress: (address) => address === "127.0.0.1" });

const get = async (listener: RequestListener, input: { format?: string; timeout?: number } = {}) => {
  const { url, seen } = await serve(listener);
  const output = await makeWorkPlace().call(tool, { url: `${url}/a?b=c#d`, ...input });
  return { ...output, text: output.text.replaceAll(url, "URL"), seen };
};

const reply =
  (body: string | Buffer, headers: Record<string, string> = {}, status = 200): RequestListener =>
  (_, response) =>
    response.writeHead(status, { "content-type": "text/plain", ...headers }).end(body);

function* endless(chunk: Buffer) {
  for (;;) yield chunk;
}

const html = { "content-type": "text/html; charset=utf-8" };
const head = "URL/a?b=c#d: status 200\n\n";
const page = "<title>T</title><style>x</style><h1>Hello</h1><p>a <b>b</b> <a href='/c'>c</a></p>";

describe("fetch", () => {
  it.each([
    { name: "text", listener: reply("a\nb"), text: "a\nb" },
    { name: "nothing", listener: reply(""), text: "(the page has no text)" },
    { name: "JSON", listener: reply('{"a":1}', { "content-type": "application/json" }), text: '{"a":1}' },
    {
      name: "a +json type",
      listener: reply("{}", { "content-type": "application/ld+json;x=y" }),
      text: "{}",
    },
    {
      name: "Latin-1 by its header",
      listener: reply(Buffer.from([0xe9]), { "content-type": 'text/plain; charset="ISO-8859-1"' }),
      text: "é",
    },
    { name: "UTF-8 without a charset", listener: reply("é"), text: "é" },
    {
      name: "an unknown charset as UTF-8",
      listener: reply("é", { "content-type": "text/plain;charset=nope" }),
      text: "é",
    },
    { name: "gzip", listener: reply(gzipSync("zip"), { "content-encoding": "gzip" }), text: "zip" },
    { name: "br", listener: reply(brotliCompressSync("zip"), { "content-encoding": "br" }), text: "zip" },
    { name: "deflate", listener: reply(deflateSync("zip"), { "content-encoding": "deflate" }), text: "zip" },
    {
      name: "HTML as Markdown",
      listener: reply(page, html),
      text: "T\n\n# Hello\n\na **b** [c](URL/c)",
    },
    { name: "HTML as text", format: "text", listener: reply(page, html), text: "T\n\nHello\n\na b c" },
    { name: "HTML as it is", format: "html", listener: reply(page, html), text: page },
    { name: "text as it is", format: "text", listener: reply("<b>x"), text: "<b>x" },
  ])("shows $name", async ({ listener, text, format }) => {
    expect(await get(listener, { ...(format && { format }) })).toMatchObject({
      text: head + text,
      failed: false,
    });
  });

  it.each([
    { name: "an image", listener: reply("x", { "content-type": "image/png" }), text: "type is image/png" },
    {
      name: "bytes without a type",
      listener: ((_, r) => r.end("a\0b")) as RequestListener,
      text: "not text",
    },
    { name: "a missing page", listener: reply("gone", {}, 404), text: "status 404\n\ngone" },
    {
      name: "an unknown coding",
      listener: reply("x", { "content-encoding": "zstd, gzip" }),
      text: "content encoding that is not known",
    },
    {
      name: "broken gzip",
      listener: reply("x", { "content-encoding": "gzip" }),
      text: "the answer broke off",
    },
    {
      name: "cut gzip",
      listener: reply(gzipSync("x".repeat(999)).subarray(0, 20), { "content-encoding": "gzip" }),
      text: "the answer broke off",
    },
    {
      name: "a body that ends early",
      listener: reply("x", { "content-length": "5" }),
      text: "the answer broke off after 1 bytes",
    },
    { name: "no answer", listener: ((q) => q.socket.destroy()) as RequestListener, text: "no answer from" },
  ])("fails on $name", async ({ listener, text }) => {
    expect(await get(listener)).toMatchObject({ text: expect.stringContaining(text), failed: true });
  });

  it("sends nothing that says who asks", async () => {
    const { text } = await get((request, response) => response.end(request.rawHeaders.join("\n")));
    const names = text
      .slice(head.length)
      .split("\n")
      .filter((_, index) => index % 2 === 0);
    expect(names.map((name) => name.toLowerCase()).sort()).toEqual([
      "accept",
      "accept-encoding",
      "connection",
      "host",
      "user-agent",
    ]);
  });

  it.each([301, 302, 303, 307, 308])("follows %s, and forgets cookies", async (status) => {
    const cookies: unknown[] = [];
    const output = await get((request, response) => {
      cookies.push(request.headers.cookie);
      if (request.url === "/b") response.end("here");
      else response.writeHead(status, { location: "/b", "set-cookie": "a=b" }).end();
    });
    expect(output.text).toBe("URL/b: status 200\n\nhere");
    expect(cookies).toEqual([undefined, undefined]);
  });

  it.each([
    { redirects: 5, failed: false, requests: 6, text: "here" },
    { redirects: 6, failed: true, requests: 6, text: "more than 5 redirects" },
  ])("follows $redirects redirects: $text", async ({ redirects, failed, requests, text }) => {
    let left = redirects;
    const output = await get((_, response) => {
      if (left-- === 0) response.end("here");
      else response.writeHead(302, { location: "/b" }).end();
    });
    expect(output).toMatchObject({ failed, text: expect.stringContaining(text), seen: { requests } });
  });

  it("reads 5 MiB of an endless page, and shows 50000 characters", async () => {
    const output = await get((_, response) => {
      response.writeHead(200, { "content-type": "text/plain" });
      const more = () => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    expect(output).toMatchObject({ failed: false, truncated: true });
    expect(output.text).toMatch(/x\n\[cut after 50000 characters\]\n\[the page is longer than 5242880 bytes/);
    expect(output.text.length).toBeLessThan(50_300);
  });

  it("opens an endless bomb only as far", async () => {
    let gone = false;
    const output = await get((_, response) => {
      response.on("close", () => {
        gone = true;
      });
      response.writeHead(200, { "content-type": "text/plain", "content-encoding": "gzip" });
      const zeros = Readable.from(endless(Buffer.alloc(1024 * 1024)));
      pipeline(zeros, createGzip({ level: 9 }), response, () => {});
    });
    expect(output.text).toContain("[the page is longer than 5242880 bytes; the rest was not read]");
    await expect.poll(() => gone).toBe(true);
  });

  it.each([
    { name: "head", listener: (() => {}) as RequestListener },
    { name: "end", listener: ((_, response) => response.write("x")) as RequestListener },
  ])("gives up a page whose $name does not come", async ({ listener }) => {
    expect(await get(listener, { timeout: 1 })).toMatchObject({
      text: "the page was not here after 1 s",
      failed: true,
      timedOut: true,
    });
  });

  it("gives up a resolver that does not answer", async () => {
    const stuck = createFetchTool({ resolve: () => new Promise(() => {}) });
    const output = await makeWorkPlace().call(stuck, { url: "http://stuck.test/", timeout: 1 });
    expect(output.timedOut).toBe(true);
  });

  it("ends when the run is canceled", async () => {
    const controller = new AbortController();
    let closed = false;
    const { url } = await serve((request, response) => {
      request.socket.once("close", () => {
        closed = true;
      });
      response.write("x");
      controller.abort(new Error("canceled by a test"));
    });
    await expect(makeWorkPlace().call(tool, { url }, controller.signal)).rejects.toThrow(
      "canceled by a test",
    );
    await expect.poll(() => closed).toBe(true);
  });

  it.each([{ timeout: 0 }, { timeout: 121 }, { format: "pdf" }, { url: 1 }])("refuses %j", async (input) => {
    const output = await makeWorkPlace().call(tool, { url: "http://a.test", ...input });
    expect(output).toEqual({ text: expect.stringMatching(/ must be /), failed: true });
  });

  it.each([
    ["https://Example.com", "fetch https://example.com/\nfrom host example.com, port 443"],
    ["http://0x7f.1:8080/x", "fetch http://127.0.0.1:8080/x\nfrom host 127.0.0.1, port 8080"],
    ["http://a.test#@b.test", "fetch http://a.test/#@b.test\nfrom host a.test, port 80"],
    ["https://xn--e1awd7f.test", "fetch https://xn--e1awd7f.test/\nfrom host xn--e1awd7f.test, port 443"],
    ["file:///x", 'fetch {"url":"file:///x"}'],
  ])("summarises %s", (url, summary) => {
    expect(fetchTool.summarize({ url })).toBe(summary);
  });
});
