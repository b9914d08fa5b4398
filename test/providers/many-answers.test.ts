import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { createHttpFetch } from "../../src/providers/http-fetch.js";

const pieces = Array.from({ length: 40 }, (_, i) => `piece ${i}; `);

/** Answers `/whole` with every piece, a moment between two, and breaks `/cut` off in the middle. */
async function openSite() {
  const answers: { response: ServerResponse; cut: boolean }[] = [];
  const server = createServer((request, response) => {
    answers.push({ response: response.writeHead(200), cut: request.url === "/cut" });
    response.flushHeaders();
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: 2000 });
  await once(server, "listening");
  const { fetch, close } = createHttpFetch();
  onTestFinished(() => {
    close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    fetch: (path: string, signal?: AbortSignal) =>
      fetch(`http://127.0.0.1:${port}${path}`, signal ? { signal } : {}),
    async talk(): Promise<void> {
      for (const [i, piece] of pieces.entries()) {
        for (const { response, cut } of answers) {
          if (cut && i === pieces.length / 2) response.destroy();
          else response.write(piece);
        }
        await sleep(5);
      }
      for (const { response } of answers) response.end();
    },
  };
}

async function textOf({ body }: Response): Promise<{ text: string; reads: number; error?: unknown }> {
  const decoder = new TextDecoder();
  let text = "";
  let reads = 0;
  try {
    for await (const chunk of body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      reads += 1;
    }
    return { text, reads };
  } catch (error) {
    return { text, reads, error };
  }
}

it("reads hundreds of answers at once, each of them whole, or as far as it went", async () => {
  const { fetch, talk } = await openSite();
  const whole = await Promise.all(Array.from({ length: 300 }, () => fetch("/whole")));
  const cut = await Promise.all(Array.from({ length: 10 }, () => fetch("/cut")));
  const leaving = new AbortController();
  const left = await Promise.all(Array.from({ length: 10 }, () => fetch("/whole", leaving.signal)));
  const reading = { whole: whole.map(textOf), cut: cut.map(textOf), left: left.map(textOf) };
  setTimeout(() => leaving.abort(), 100);
  await talk();
  const text = pieces.join("");
  const read = await Promise.all(reading.whole);
  expect(new Set(read.map((one) => one.text))).toEqual(new Set([text]));
  // Read in turns, in which what has gathered is read at once.
  expect(read.reduce((sum, { reads }) => sum + reads, 0)).toBeLessThan((300 * pieces.length) / 2);
  for (const one of [...(await Promise.all(reading.cut)), ...(await Promise.all(reading.left))]) {
    expect(one.error).toBeInstanceOf(Error);
    expect(text.startsWith(one.text)).toBe(true);
  }
  // A connection that was read in turns is used again.
  const again = textOf(await fetch("/whole"));
  await talk();
  expect((await again).text).toBe(text);
});
