import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { writeResponse } from "../../src/server/response-writer.js";

/** A body that says what it is given, one piece at a time. */
function openSource() {
  const pieces: Uint8Array[] = [];
  let wake = (): void => undefined;
  async function* body() {
    for (;;) {
      for (let piece = pieces.shift(); piece; piece = pieces.shift()) yield piece;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    body: body(),
    say(piece: Uint8Array): void {
      pieces.push(piece);
      wake();
    },
  };
}

async function openScene(stallMs?: number) {
  const source = openSource();
  const responses: ServerResponse[] = [];
  const ended = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    responses.push(response);
    const options = stallMs === undefined ? {} : { stallMs };
    writeResponse(request, response, { status: 200, body: source.body }, options).then(
      ended.resolve,
      ended.reject,
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const request = get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  request.on("error", () => undefined);
  onTestFinished(() => {
    request.destroy();
    server.close();
  });
  source.say(Buffer.from("first"));
  const [reader] = await once(request, "response");
  reader.on("error", () => undefined).pause();
  const [response] = responses;
  if (response === undefined) throw new Error("there was no request");
  /** Says as much as it takes until the reader would have to read. */
  const fill = async (): Promise<void> => {
    while (!response.writableNeedDrain) {
      source.say(new Uint8Array(16_000));
      await new Promise(setImmediate);
    }
  };
  return { source, reader, response, fill, ended: ended.promise };
}

it("a reader that has caught up while there was nothing new hears what comes next", async () => {
  const { source, reader, response, fill } = await openScene();
  await fill();
  let text = "";
  reader.setEncoding("latin1").on("data", (piece: string) => (text = (text + piece).slice(-10)));
  reader.resume();
  await expect.poll(() => response.writableNeedDrain).toBe(false);
  source.say(Buffer.from("next"));
  await expect.poll(() => text.endsWith("next")).toBe(true);
  source.say(Buffer.from("last"));
  await expect.poll(() => text.endsWith("nextlast")).toBe(true);
});

it("a reader that reads nothing for a while is disconnected", async () => {
  const { source, response, fill, ended } = await openScene(200);
  await fill();
  source.say(Buffer.from("next"));
  await ended;
  expect(response.destroyed).toBe(true);
});
