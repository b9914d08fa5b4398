import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Event } from "../../../gen/agentry/v1/event_pb.js";
import { EventSchema } from "../../../gen/agentry/v1/event_pb.js";
import { DeltaEncoder } from "../../../src/store/sqlite/delta-encoder.js";
import { allEvents, deltas, newSession, tempStore, textOf } from "../sample.js";

const kind = fc.constantFrom("textDelta" as const, "reasoningDelta" as const);
const delta = fc.record({
  seq: fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  sessionId: fc.constantFrom("", "0123456789ABCDEFGHJKMNPQRS", "s"),
  runId: fc.constantFrom("", "7ZZZZZZZZZABCDEFGHJKMNPQRS", "r"),
  ms: fc.oneof(fc.constant(0), fc.nat(4_000_000_000_000)),
  case: kind,
  index: fc.oneof(fc.constant(0), fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  text: fc.oneof(fc.string({ unit: "grapheme", maxLength: 300 }), fc.string({ maxLength: 4096 })),
  /** Ids of the tool calls that it is a copy for, from the innermost. */
  copies: fc.array(fc.constantFrom("", "call_0123456789", "x".repeat(127)), { maxLength: 3 }),
});

/** The event that holds an event of a child. */
const copyOf = (event: Event, toolCallId: string, level: number): Event =>
  create(EventSchema, {
    seq: 100 * level,
    sessionId: `above ${level}`,
    runId: level === 1 ? "" : `run ${level}`,
    time: { nanos: level },
    body: { case: "childEvent", value: { toolCallId, event } },
  });

it("writes what the general encoder writes", () => {
  const encoder = new DeltaEncoder();
  fc.assert(
    fc.property(fc.array(delta, { minLength: 1, maxLength: 20 }), (deltas) => {
      for (const { ms, case: name, index, text, copies, ...rest } of deltas) {
        const body = { case: name, value: { index, text: text.toWellFormed() } } as const;
        const own = create(EventSchema, { ...rest, time: timestampFromMs(ms), body });
        const event = copies.reduce((inner, toolCallId, i) => copyOf(inner, toolCallId, i + 1), own);
        expect(Buffer.from(encoder.encode(event) ?? [])).toEqual(Buffer.from(toBinary(EventSchema, event)));
        encoder.rewind();
      }
    }),
    { numRuns: 2000 },
  );
});

const small = create(EventSchema, { time: {}, body: { case: "textDelta", value: { text: "a" } } });

it.each([
  ["another kind", create(EventSchema, { time: {}, body: { case: "textStarted", value: {} } })],
  ["no time", create(EventSchema, { body: { case: "textDelta", value: { text: "a" } } })],
  [
    "a long text",
    create(EventSchema, { time: {}, body: { case: "textDelta", value: { text: "a".repeat(4097) } } }),
  ],
  ["a copy of nothing", create(EventSchema, { time: {}, body: { case: "childEvent", value: {} } })],
  [
    "a copy of another kind",
    copyOf(create(EventSchema, { time: {}, body: { case: "textStarted" } as never }), "", 1),
  ],
  ["a call with a long id", copyOf(small, "x".repeat(128), 1)],
  ["a call with an id of other letters", copyOf(small, "\u00e9", 1)],
])("leaves %s to the general encoder", (_name, event) => {
  expect(new DeltaEncoder().encode(event)).toBeUndefined();
});

it("keeps what it has written until it is rewound, and gives up where there is no room", () => {
  const encoder = new DeltaEncoder();
  const encode = (text: string) =>
    encoder.encode(create(EventSchema, { time: {}, body: { case: "textDelta", value: { text } } }));
  const first = encode("first");
  const copy = Buffer.from(first ?? []);
  const written = Array.from({ length: 10 }, () => encode("\u20ac".repeat(4000)));
  expect(Buffer.from(first ?? [])).toEqual(copy);
  expect(written.filter((bytes) => bytes).length).toBe(5);
  encoder.rewind();
  expect(encode("again")).toBeDefined();
});

it("and the rows of a batch hold what was given, however much of it there is", async () => {
  const store = await tempStore();
  const sessionId = await newSession(store);
  const texts = Array.from({ length: 100 }, (_, i) => `${i}${"\u20ac".repeat((i * 997) % 4500)}`);
  await store.commit([deltas(sessionId, ...texts)]);
  expect((await allEvents(store, sessionId)).map(textOf)).toEqual(texts);
});
