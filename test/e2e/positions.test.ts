import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { beforeAll, describe, expect, it } from "vitest";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import type { Place } from "./place.js";
import { openPlace, parseEvents } from "./place.js";

const headers = { accept: "text/event-stream" };
let place: Place;
let [session, run, head, longerHead] = ["", "", 0, 0];
beforeAll(async () => {
  place = await openPlace();
  session = await place.session();
  run = (await place.start(session, "go")).body.id;
  await place.finished(run);
  head = (await place.history(session)).length;
  const longer = await place.session();
  for (let i = 0; i < 2; i += 1) await place.finished((await place.start(longer, "go")).body.id);
  longerHead = (await place.history(longer)).length;
});

const streams = () => [`/v1/sessions/${session}/events?follow=false`, `/v1/runs/${run}/events?`];

describe("a position that is none is refused, and never taken for the beginning", () => {
  const bad = [
    "abc",
    "-1",
    "9e99",
    "1.5",
    "0x1",
    "１",
    "1,2",
    "null",
    "NaN",
    "+1",
    "18446744073709551616",
    "1 2",
  ];
  it.each(bad)("%j", async (position) => {
    for (const path of streams()) {
      const query = await place.call(
        "GET",
        `${path}&after=${encodeURIComponent(position)}`,
        undefined,
        headers,
      );
      expect([path, query.status]).toEqual([path, 400]);
      if (!/^[ -~]*$/.test(position)) continue;
      const header = await place.call("GET", path, undefined, { ...headers, "last-event-id": position });
      expect([path, header.status]).toEqual([path, 400]);
    }
  });

  it("that another session has, and this one has not, neither", async () => {
    expect(longerHead).toBeGreaterThan(head);
    const path = `/v1/sessions/${session}/events?follow=false&after=${longerHead}`;
    const { status, body } = await place.call("GET", path, undefined, headers);
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(`"head_seq":${head}`)]);
    const h1 = createConnectTransport({ baseUrl: place.server.url, httpVersion: "1.1" });
    for (const transport of [h1, createGrpcTransport({ baseUrl: place.server.url })]) {
      const read = async () => {
        for await (const _ of createClient(RunService, transport).watchSession({
          sessionId: session,
          after: longerHead,
        }));
      };
      const error = ConnectError.from(await read().catch((reason: unknown) => reason));
      expect(error.code).toBe(Code.OutOfRange);
    }
  });

  it("in the header and in the query that differ are refused, or the header counts", async () => {
    const path = `/v1/sessions/${session}/events?follow=false&after=1`;
    const response = await fetch(place.server.url + path, { headers: { ...headers, "last-event-id": "3" } });
    const text = await response.text();
    if (response.status !== 400) expect(parseEvents(text)[0]?.id).toBe(4);
  });

  it("that is empty is refused in the query; an empty header is none", async () => {
    for (const path of streams()) {
      const whole = parseEvents(await (await fetch(place.server.url + path, { headers })).text());
      expect((await place.call("GET", `${path}&after=`, undefined, headers)).status).toBe(400);
      const rest = parseEvents(await (await fetch(`${place.server.url + path}&after=1`, { headers })).text());
      expect(rest).toEqual(whole.slice(1));
      const empty = { ...headers, "last-event-id": "" };
      const response = await fetch(place.server.url + path, { headers: empty });
      expect(parseEvents(await response.text())).toEqual(whole);
    }
  });
});

describe("a reader that came to the end", () => {
  it("of a session that goes on hears of the next run, each event once", async () => {
    const reading = await fetch(`${place.server.url}/v1/sessions/${session}/events?after=${head}`, {
      headers,
    });
    const reader = reading.body!.getReader();
    const { id } = (await place.start(session, "go on")).body;
    await place.finished(id);
    const all = await place.history(session);
    let text = "";
    while (parseEvents(text).length < all.length - head)
      text += Buffer.from((await reader.read()).value ?? []).toString();
    await reader.cancel();
    expect(parseEvents(text)).toEqual(all.slice(head));
    head = all.length;
  });

  it("and comes back after a restart gets 204 for a run, and an open stream for a session", async () => {
    await place.server.kill();
    await place.restart();
    const { last_seq } = await place.getRun(run);
    const ofRun = await fetch(`${place.server.url}/v1/runs/${run}/events`, {
      headers: { ...headers, "last-event-id": String(last_seq) },
    });
    expect([ofRun.status, await ofRun.text()]).toEqual([204, ""]);
    const ofSession = await fetch(`${place.server.url}/v1/sessions/${session}/events`, {
      headers: { ...headers, "last-event-id": String(head) },
    });
    expect(ofSession.status).toBe(200);
    await ofSession.body?.cancel();
  });
});
