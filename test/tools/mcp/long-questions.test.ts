import { setTimeout as sleep } from "node:timers/promises";
import { InMemoryEventStore } from "@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js";
import { describe, expect, it, onTestFinished } from "vitest";
import { openHttpPlace } from "./http-place.js";
import type { Answer } from "./mcp-place.js";
import { http, never, openMcpPlace, stdio } from "./mcp-place.js";
import { useStdioProgram } from "./stdio-program.js";

const program = useStdioProgram();

/** Answers a question long after every time limit of these tests. */
const late: Answer = async () => {
  await sleep(1_500);
  return { action: "accept", content: { color: "red" } };
};

interface Dispatcher {
  readonly constructor: new (options: object) => Dispatcher;
}
const dispatcherSymbol = Symbol.for("undici.globalDispatcher.1");

/** Makes the global fetch as impatient in a test as it is with real limits after five minutes. */
async function hurryGlobalFetch(): Promise<void> {
  // The first request makes the dispatcher.
  await fetch("data:,").catch(() => undefined);
  const holder = globalThis as unknown as Record<symbol, Dispatcher>;
  const usual = holder[dispatcherSymbol]!;
  holder[dispatcherSymbol] = new usual.constructor({ headersTimeout: 400, bodyTimeout: 400 });
  onTestFinished(() => {
    holder[dispatcherSymbol] = usual;
  });
}

it("a call goes on when the stream of its events is cut while somebody is asked", async () => {
  const { url, received } = await openHttpPlace({ eventStore: new InMemoryEventStore() });
  const place = openMcpPlace(program.path, { answer: late });
  expect(await place.call("cut", "", never, http(url))).toMatchObject({ text: "after the cut" });
  expect(received.some(({ headers }) => headers["last-event-id"] !== undefined)).toBe(true);
});

describe("a question that waits for hours", () => {
  it.each([
    ["a stream of events", {}],
    ["one answer", { enableJsonResponse: true }],
  ])("does not cost the call of a server over HTTP that answers by %s", async (_how, options) => {
    await hurryGlobalFetch();
    const { url } = await openHttpPlace(options);
    const place = openMcpPlace(program.path, { answer: late, times: { callMs: 500, answerMs: 500 } });
    expect(await place.call("ask", "", never, http(url))).toMatchObject({
      text: '{"action":"accept","content":{"color":"red"}}',
    });
  });

  it("stops the time of every call of the server, whichever asked", async () => {
    const place = openMcpPlace(program.path, { answer: late, times: { callMs: 900, answerMs: 900 } });
    await place.connect();
    const [one, two] = await Promise.all([place.call("ask"), place.call("ask")]);
    expect(one).toMatchObject({ text: expect.stringContaining("red") });
    expect(two).toMatchObject({ text: expect.stringContaining("red") });
  });

  it("stops the time for an answer to the list of tools", async () => {
    const place = openMcpPlace(program.path, { answer: late, times: { answerMs: 900 } });
    const asking = stdio({ env: { SCRIPT: JSON.stringify({ asksFirst: true }) } });
    const tools = await (await place.connect(asking)).tools(never);
    expect(tools.map(({ name }) => name)).toContain("echo");
  });
});
