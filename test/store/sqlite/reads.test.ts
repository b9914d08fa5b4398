import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../../gen/agentry/v1/event_pb.js";
import { MessageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { RunState } from "../../../gen/agentry/v1/run_pb.js";
import { newId } from "../../../src/core/id.js";
import { allEvents, delta, deltas, event, message, newSession, run, tempStore, textOf } from "../sample.js";

const ten = "0123456789".split("");

describe("events", () => {
  it.each([
    { name: "all after a position", after: 4, limit: 100, maxBytes: 1e9, expected: "456789" },
    { name: "as many as the limit", after: 2, limit: 3, maxBytes: 1e9, expected: "234" },
    { name: "none for a limit below one", after: 2, limit: -1, maxBytes: 1e9, expected: "" },
    { name: "one where even that is too big", after: 0, limit: 100, maxBytes: 1, expected: "0" },
    { name: "nothing after the newest", after: 10, limit: 100, maxBytes: 1e9, expected: "" },
    { name: "nothing beyond it", after: 4_294_967_295, limit: 100, maxBytes: 1e9, expected: "" },
  ])("are read: $name", async ({ after, limit, maxBytes, expected }) => {
    const store = await tempStore(":memory:");
    const sessionId = await newSession(store);
    await store.commit([deltas(sessionId, ...ten)]);
    const events = await store.events.read({ sessionId, after, limit, maxBytes });
    expect(events.map(textOf).join("")).toBe(expected);
  });

  it("are read up to a number of bytes", async () => {
    const store = await tempStore(":memory:");
    const sessionId = await newSession(store);
    await store.commit([deltas(sessionId, ...ten)]);
    const size = toBinary(EventSchema, (await allEvents(store, sessionId))[0]!).byteLength;
    for (const [maxBytes, count] of [
      [3 * size, 3],
      [3 * size + 1, 3],
      [3 * size - 1, 2],
    ] as const) {
      expect(await store.events.read({ sessionId, after: 0, limit: 100, maxBytes })).toHaveLength(count);
    }
  });

  it("of one run are read from any position, also before it has a last one", async () => {
    const store = await tempStore(":memory:");
    const sessionId = await newSession(store);
    const [one, two, never] = [run(sessionId), run(sessionId), run(sessionId, { state: RunState.QUEUED })];
    const say = (text: string, runId: string) => event(delta(sessionId, text, runId));
    await store.commit([
      { sessionId, writes: [say("a", one.id), { type: "run", run: one }, { type: "run", run: never }] },
    ]);
    await store.commit([{ sessionId, writes: [say("-", ""), say("b", one.id), say("-", never.id)] }]);
    await store.commit([{ sessionId, writes: [say("c", one.id)] }]);
    const read = async (runId: string, after: number) =>
      (await store.events.read({ sessionId, after, limit: 100, maxBytes: 1e9, runId })).map(textOf).join("");
    expect(await read(one.id, 0)).toBe("abc");
    expect(await read(one.id, 3)).toBe("c");
    expect(await read(never.id, 0)).toBe("-");
    expect(await read(two.id, 0)).toBe("");
    expect(await read(newId(), 0)).toBe("");
    expect(
      await store.events.read({
        sessionId: await newSession(store),
        after: 0,
        limit: 100,
        maxBytes: 1e9,
        runId: one.id,
      }),
    ).toEqual([]);
  });

  it("of a session that does not exist are none", async () => {
    const store = await tempStore(":memory:");
    expect(await allEvents(store, newId())).toEqual([]);
    expect(await store.messages.list(newId(), 0, 10)).toEqual([]);
  });
});

it("finds a message by its id, in its session", async () => {
  const store = await tempStore(":memory:");
  const [sessionId, other] = [await newSession(store), await newSession(store)];
  const one = message(sessionId, "words");
  await store.commit([{ sessionId, writes: [{ type: "message", message: one }] }]);
  expect(await store.messages.get(sessionId, one.id)).toEqual(one);
  expect(await store.messages.get(other, one.id)).toBeUndefined();
  expect(await store.messages.get(sessionId, newId())).toBeUndefined();
});

// Lone surrogates have no UTF-8: everything else has to come back as it was.
const text = fc.string({ unit: "binary" });
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => toStruct({ value }));
const toolCall = fc.record({ id: text, name: text, arguments: json, invalidArguments: text });
const index = fc.nat({ max: 2 ** 32 - 1 });
const body: fc.Arbitrary<Event["body"]> = fc.oneof(
  fc.record({ index, text }).map((value) => shape({ case: "textDelta", value })),
  fc.record({ index, text }).map((value) => shape({ case: "reasoningFinished", value })),
  fc.record({ index, toolCallId: text, json: text }).map((value) => shape({ case: "toolInputDelta", value })),
  fc.record({ index, toolCall }).map((value) => shape({ case: "toolInputFinished", value })),
  fc.record({ purpose: fc.nat(3), model: text }).map((value) => shape({ case: "usageUpdated", value })),
  fc.constant(shape({ case: "cancelRequested", value: {} })),
);

function shape(init: NonNullable<Parameters<typeof create<typeof EventSchema>>[1]>["body"]): Event["body"] {
  return create(EventSchema, init ? { body: init } : {}).body;
}

function toStruct(value: Record<string, unknown>) {
  // A Struct is plain JSON in the generated messages, in which -0 is 0.
  return JSON.parse(JSON.stringify(value)) as { [key: string]: never };
}

it("gives back every event and message as it was written", async () => {
  const store = await tempStore(":memory:");
  await fc.assert(
    fc.asyncProperty(
      fc.array(body, { maxLength: 20 }),
      fc.array(fc.array(text), { maxLength: 5 }),
      async (bodies, texts) => {
        const sessionId = await newSession(store);
        const events = bodies.map((each) =>
          create(EventSchema, { sessionId, time: { seconds: 5n, nanos: 7 }, body: each }),
        );
        const messages = texts.map((parts) =>
          create(MessageSchema, {
            id: newId(),
            sessionId,
            parts: parts.map((value) => ({ content: { case: "text" as const, value } })),
          }),
        );
        const writes = [
          ...events.map(event),
          ...messages.map((message) => ({ type: "message", message }) as const),
        ];
        expect(await store.commit([{ sessionId, writes }])).toEqual(["written"]);
        expect(await allEvents(store, sessionId)).toEqual(events);
        expect(await store.messages.list(sessionId, 0, 100)).toEqual(messages);
      },
    ),
    { numRuns: 200 },
  );
});
