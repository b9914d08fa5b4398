import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { EventSource } from "eventsource";
import { beforeAll, describe, expect, it } from "vitest";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { anthropicAnswer, anthropicStream } from "../support/fake-upstream.js";
import type { Place } from "./place.js";
import { openPlace, parseEvents, script } from "./place.js";

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});

const eventStream = { accept: "text/event-stream" };

describe("a position", () => {
  it.each([
    ["abc", 400],
    ["-1", 400],
    ["9e99", 400],
    ["1.5", 400],
    ["4294967296", 400],
    ["1000000", 400],
  ])("%s is refused with %i", async (position, status) => {
    const session = await place.session();
    await place.finished((await place.start(session, "go")).body.id);
    const head = (await place.history(session)).length;
    for (const path of [`/v1/sessions/${session}/events?follow=false`]) {
      const byHeader = await place.call("GET", path, undefined, {
        ...eventStream,
        "last-event-id": position,
      });
      expect(byHeader.status).toBe(status);
      const byQuery = await place.call("GET", `${path}&after=${position}`, undefined, eventStream);
      expect(byQuery.status).toBe(status);
      if (position !== "1000000") continue;
      expect(JSON.stringify(byQuery.body)).toMatch(new RegExp(`"head_?[sS]eq":\\s*"?${head}\\b`));
    }
  });

  it("after the end gives the tail, then the end, then 204", async () => {
    const session = await place.session();
    const { id } = (await place.start(session, "go")).body;
    const { last_seq } = await place.finished(id);
    const read = async (position: number) => {
      const headers = { ...eventStream, "last-event-id": String(position) };
      const response = await fetch(`${place.server.url}/v1/runs/${id}/events`, { headers });
      return { status: response.status, events: parseEvents(await response.text()) };
    };
    const tail = await read(last_seq - 2);
    expect(tail.events.map(({ id: seq }) => seq)).toEqual([last_seq - 1, last_seq]);
    expect(tail.events.at(-1)?.name).toBe("run_finished");
    expect(await read(last_seq)).toEqual({ status: 204, events: [] });
  });

  it("is kept over a restart", async () => {
    const session = await place.session();
    await place.finished((await place.start(session, "go")).body.id);
    const before = await place.history(session);
    await place.server.kill();
    await place.restart();
    expect(await place.history(session)).toEqual(before);
    const response = await fetch(`${place.server.url}/v1/sessions/${session}/events?follow=false&after=3`, {
      headers: eventStream,
    });
    expect(parseEvents(await response.text())).toEqual(before.slice(3));
  });
});

describe("both transports", () => {
  it("tell the same story", async () => {
    const session = await place.session();
    await place.finished((await place.start(session, "go")).body.id);
    const transport = createConnectTransport({ baseUrl: place.server.url, httpVersion: "1.1" });
    const names: (string | undefined)[] = [];
    for await (const { event } of createClient(RunService, transport).watchSession({
      sessionId: session,
      follow: false,
    }))
      names.push(event?.body.case?.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    expect(names).toEqual((await place.history(session)).map(({ name }) => name));
  });
});

const hostile = "\r\n\r\nid: 999999\nevent: x\ndata: {}\n\n\u2028\u2029\0\u{1f600}\ud83d";

describe("hostile text", () => {
  it("is one event each to a parser that follows the specification", async () => {
    // The pair of surrogates of 😀 is split between two deltas; JSON carries each half as an escape.
    const pieces = [
      "\\r\\n\\r\\nid: 999999\\nevent: x\\ndata: {}\\n\\n\\u2028\\u2029\\u0000\\ud83d",
      "\\ude00\\ud83d",
    ];
    const deltas = pieces.map(
      (piece) =>
        `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${piece}"}}\n\n`,
    );
    const body = [
      anthropicStream(
        { type: "message_start", message: { id: "m", role: "assistant", usage: { input_tokens: 1 } } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      ),
      ...deltas,
      anthropicStream(
        { type: "content_block_stop", index: 0 },
        {
          type: "content_block_start",
          index: 1,
          content_block: { type: "tool_use", id: hostile, name: hostile, input: {} },
        },
        { type: "content_block_stop", index: 1 },
        {
          type: "content_block_start",
          index: 2,
          content_block: { type: "tool_use", id: "b", name: "bash", input: {} },
        },
        {
          type: "content_block_delta",
          index: 2,
          delta: {
            type: "input_json_delta",
            partial_json: JSON.stringify({
              command: "printf '\\r\\n\\r\\nid: 999999\\nevent: x\\ndata: {}\\n\\n\\0\\377'",
            }),
          },
        },
        { type: "content_block_stop", index: 2 },
        { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 1 } },
        { type: "message_stop" },
      ),
    ];
    place.upstream.answer(script({ body }));
    const session = await place.session({ approval_mode: "APPROVAL_MODE_AUTO" });
    const run = await place.finished((await place.start(session, "go")).body.id);
    expect(run.outcome).toBe("RUN_OUTCOME_COMPLETED");
    const stored = await place.history(session);
    const parsed = await readByStandard(
      `${place.server.url}/v1/sessions/${session}/events`,
      stored.length,
      stored.map(({ name }) => name),
    );
    expect(parsed).toEqual(
      stored.map(({ id, name, data }) => ({ id: String(id), name, data: JSON.parse(data) })),
    );
    const text = parsed.find(({ name }) => name === "text_finished")?.data.text_finished.text;
    expect(text).toBe(hostile.toWellFormed());
    const joined = parsed.filter(({ name }) => name === "text_delta").map(({ data }) => data.text_delta.text);
    expect(joined.join("")).toBe(`${text}ok`);
    expect(place.upstream.requests.at(-1)?.body).not.toContain(
      'id: 999999\\nevent: x\\ndata: {}\\n\\n\\u0000","input',
    );
  });

  it("in the error of a provider is one event too", async () => {
    place.upstream.answer({
      status: 400,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "error", error: { type: "invalid_request_error", message: hostile } }),
    });
    const session = await place.session();
    const run = await place.finished((await place.start(session, "go")).body.id);
    expect(run.outcome).toBe("RUN_OUTCOME_FAILED");
    const stored = await place.history(session);
    const parsed = await readByStandard(
      `${place.server.url}/v1/sessions/${session}/events`,
      stored.length,
      stored.map(({ name }) => name),
    );
    expect(parsed.map(({ name }) => name)).toEqual(stored.map(({ name }) => name));
    place.upstream.answer({ body: anthropicAnswer(["ok"]) });
  });
});

// biome-ignore lint/suspicious/noExplicitAny: events of every kind
type Parsed = { id: string; name: string; data: any };

/** What a browser's EventSource makes of a stream. An event of a name that was never sent would be missed: `x` is listened to. */
function readByStandard(url: string, count: number, names: readonly string[]): Promise<Parsed[]> {
  return new Promise((resolve) => {
    const source = new EventSource(url);
    const events: Parsed[] = [];
    for (const name of new Set([...names, "x", "message"])) {
      source.addEventListener(name, ({ lastEventId, data }) => {
        events.push({ id: lastEventId, name, data: JSON.parse(data) });
        if (events.length < count) return;
        source.close();
        resolve(events);
      });
    }
  });
}
