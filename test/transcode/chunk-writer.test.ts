import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { ChunkWriter } from "../../src/transcode/chunk-writer.js";

const bytes = (text: string, times = 1): Uint8Array => Buffer.from(text.repeat(times));
const join = (pieces: readonly (string | Uint8Array)[]): string =>
  pieces.map((piece) => Buffer.from(piece as string).toString()).join("");

/** What a reader gets of pieces that are added as fast as the writer lets. */
async function received(pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const server = createServer((_request, response) => {
    let at = 0;
    const more = (): void => {
      while (at < pieces.length) if (!writer.add(pieces[at++]!)) return;
      writer.flush();
      response.end();
    };
    const writer = new ChunkWriter({ response, onReady: more, onStall: () => undefined, stallMs: 10_000 });
    more();
  });
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return (await fetch(`http://127.0.0.1:${port}`)).text();
}

it.each([
  { name: "bytes and then text", pieces: ["a", bytes("b", 9000), "c"] },
  { name: "text", pieces: ["a", "b", "ü".repeat(50_000), "c"] },
  { name: "bytes", pieces: [bytes("a"), bytes("b"), bytes("c", 100_000), bytes("d")] },
  {
    name: "both",
    pieces: ["a", bytes("b", 9000), "c", bytes("d"), "ü".repeat(5000), bytes("e", 70_000), "f"],
  },
  {
    name: "many large ones",
    pieces: Array.from({ length: 40 }, (_, i) => [`${i};`, bytes("x", 150_000)]).flat(),
  },
])("writes $name in its order", async ({ pieces }) => {
  expect(await received(pieces)).toBe(join(pieces));
});
