import { beforeAll, describe, expect, it } from "vitest";
import type { Place } from "./place.js";
import { openPlace } from "./place.js";

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});

/** Sends bytes as the body of a session or agent, and gives what is stored then, or that it was refused. */
async function store(title: Buffer | string): Promise<{ status: number; title: string | undefined }> {
  const body = Buffer.concat([
    Buffer.from(`{"agent_id":"${place.agentId}","title":"`),
    Buffer.from(title),
    Buffer.from('"}'),
  ]);
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${place.server.url}/v1/sessions`, { method: "POST", headers, body });
  const { id } = (await response.json()) as { id?: string };
  if (id === undefined) return { status: response.status, title: undefined };
  return { status: response.status, title: (await place.call("GET", `/v1/sessions/${id}`)).body.title };
}

describe("text is refused, or comes back as it was", () => {
  it.each([
    { name: "an overlong zero", bytes: Buffer.from([0xc0, 0x80]) },
    { name: "half of a pair in bytes", bytes: Buffer.from([0xed, 0xa0, 0x80]) },
    { name: "a byte that begins nothing", bytes: Buffer.from([0xff]) },
    { name: "a character that is cut", bytes: Buffer.from([0xf0, 0x9f, 0x98]) },
    { name: "more than there is", bytes: Buffer.from([0xf4, 0x90, 0x80, 0x80]) },
    { name: "half of a pair as an escape", bytes: Buffer.from("\\ud800") },
    { name: "a pair in the wrong order", bytes: Buffer.from("\\ude00\\ud83d") },
  ])("$name is refused", async ({ bytes }) => {
    expect(await store(bytes)).toEqual({ status: 400, title: undefined });
  });

  it.each([
    { name: "emoji", sent: "😀👩‍👩‍👧", kept: "😀👩‍👩‍👧" },
    { name: "a pair as escapes", sent: "\\ud83d\\ude00", kept: "😀" },
    { name: "ends of lines", sent: "a\\u2028b\\u2029c", kept: "a\u2028b\u2029c" },
    { name: "what is not normalised", sent: "e\u0301é", kept: "e\u0301é" },
    { name: "a mark of bytes", sent: "\ufeffx", kept: "\ufeffx" },
    { name: "markup", sent: "<img src=x onerror=alert(1)>", kept: "<img src=x onerror=alert(1)>" },
  ])("$name comes back", async ({ sent, kept }) => {
    expect(await store(sent)).toEqual({ status: 201, title: kept });
  });
});
