import type { Socket } from "node:net";
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Gateway } from "./gateway.js";
import { echo, openGateway } from "./gateway.js";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await openGateway({
    maxBodyBytes: 4096,
    implementation: {
      ...echo,
      delete: () => ({}),
      upload: (message) => message,
      download: () => ({ data: new Uint8Array([1]) }),
      watch: async function* () {
        yield { event: { seq: 1 } };
      },
    },
  });
});
afterAll(() => gateway.close());

const word = fc.constantFrom(
  ...[
    "v1",
    "echo",
    "text",
    "path",
    "pair",
    "p",
    "q",
    "child",
    "texts",
    "struct",
    "books",
    "files",
    "watch",
    "any",
  ],
  ...[
    "a:shout",
    ":",
    "%2F",
    "%",
    "%zz",
    "%ff",
    "..",
    ".",
    "{x}",
    "*",
    "**",
    "child.text",
    "int32_value",
    "1",
    "-1",
  ],
  ...[
    "COLOR_RED",
    "nan",
    "2026-01-31T12:00:00Z",
    "choice_text",
    "choice_child.text",
    "__proto__",
    "constructor",
  ],
);
const piece = fc.oneof(
  word,
  fc.webFragments({ size: "small" }),
  fc.string({ unit: "grapheme-ascii" }).map(encodeURI),
);
const path = fc.array(piece, { maxLength: 6 }).map((pieces) => `/v1/echo/${pieces.join("/")}`);
const query = fc
  .array(fc.tuple(piece, piece), { maxLength: 4 })
  .map((pairs) =>
    pairs.length === 0 ? "" : `?${pairs.map(([name, value]) => `${name}=${value}`).join("&")}`,
  );
const target = fc
  .tuple(
    fc.oneof(
      path,
      word.map((one) => `/v1/${one}`),
    ),
    query,
  )
  .map(([a, b]) => `${a}${b}`.replace(/[\s#]/g, ""));
const verb = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "SEARCH");
const type = fc.constantFrom(
  "application/json",
  "text/plain",
  "application/json; charset=x",
  "a/b+json",
  ";",
  "",
);
const encoding = fc.constantFrom("", "gzip", "br", "deflate", "identity", "x");
const body = fc.oneof(
  fc.json(),
  fc.string({ unit: "binary" }),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => `{"child":${text},"struct":${text}}`),
  fc.integer({ min: 1, max: 400 }).map((depth) => "[".repeat(depth)),
  fc.constant("x".repeat(10_000)),
  fc.constant(""),
);

describe("whatever is asked", () => {
  it("is answered, and never with 5xx", async () => {
    await fc.assert(
      fc.asyncProperty(fc.record({ target, verb, type, encoding, body }), async (request) => {
        const bytes = Buffer.from(request.body);
        const head = [
          `${request.verb} ${request.target} HTTP/1.1`,
          "Host: a",
          "Connection: close",
          `Content-Length: ${bytes.length}`,
          ...(request.type ? [`Content-Type: ${request.type}`] : []),
          ...(request.encoding ? [`Content-Encoding: ${request.encoding}`] : []),
        ];
        const reply = await send(Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), bytes]));
        expect(reply).toMatch(/^HTTP\/1.1 [24]\d\d /);
      }),
      { numRuns: 1500 },
    );
    expect(gateway.errors).toEqual([]);
  });

  it("is bound like a body that says the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme" }),
        fc.integer(),
        fc.array(fc.string()),
        async (text, number, texts) => {
          const parameters = new URLSearchParams([
            ["text", text],
            ["int32_value", String(number)],
            ...texts.map((one): [string, string] => ["texts", one]),
          ]);
          const byQuery = await gateway.fetch(`/v1/echo?${parameters}`);
          const byBody = await gateway.fetch("/v1/echo", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ text, int32_value: number, texts }),
          });
          expect(await byQuery.text()).toBe(await byBody.text());
          if (text !== "" && text !== "." && text !== "..") {
            const byPath = await gateway.fetch(`/v1/echo/text/${encodeURIComponent(text)}`);
            expect(await byPath.json()).toEqual({ text });
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

function send(bytes: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(gateway.port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.setTimeout(5000, () => reject(new Error("no answer")));
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => resolve(text));
    socket.on("close", () => resolve(text));
  });
}
