import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { ChunkWriter } from "../../src/transcode/chunk-writer.js";

const bytes = (text: string, times = 1): Uint8Array => Buffer.from(text.repeat(times));
const join = (pieces: readonly (string | Uint8Array)[]): string =>
  pieces.map((piece) => Buffer.from(piece as string).toString()).join("");

/** Serves pieces, added as fast as the writer lets. */
async function serve(pieces: readonly (string | Uint8Array)[], stallMs = 10_000) {
  let stalled = 0;
  const server = createServer((_request, response) => {
    let at = 0;
    const more = (): void => {
      while (at < pieces.length) if (!writer.add(pieces[at++]!)) return;
      writer.flush();
      response.end();
    };
    const onStall = (): void => {
      stalled += 1;
      response.destroy();
    };
    const writer = new ChunkWriter({ response, onReady: more, onStall, stallMs });
    more();
  });
  server.listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, stalled: () => stalled };
}

/** What a reader gets that takes so many bytes of an answer and then rests for a while. */
async function readSlowly(url: string, bytesAtOnce: number): Promise<string> {
  const [response] = (await once(get(url), "response")) as [IncomingMessage];
  let [text, since] = ["", 0];
  for await (const chunk of response) {
    text += chunk;
    since += chunk.length;
    if (since < bytesAtOnce) continue;
    since = 0;
    await setTimeout(10);
  }
  return text;
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
  const { url } = await serve(pieces);
  expect(await (await fetch(url)).text()).toBe(join(pieces));
  expect(await readSlowly(url, 100_000)).toBe(join(pieces));
});

it("gives up a reader that takes nothing, and not one that is slow", async () => {
  const { url, stalled } = await serve([bytes("x", 24_000_000), "end"], 500);
  // Longer in all than it may take nothing.
  const slow = readSlowly(url, 250_000);
  const standing = get(url);
  const [response] = (await once(standing, "response")) as [IncomingMessage];
  response.pause();
  response.on("error", () => undefined);
  expect((await slow).length).toBe(24_000_003);
  await expect.poll(stalled).toBe(1);
  standing.destroy();
});
