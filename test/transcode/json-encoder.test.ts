import type { DescField, DescMessage, JsonValue, Message } from "@bufbuild/protobuf";
import { create, ScalarType, toJsonString } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { file_agentry_v1_agents } from "../../gen/agentry/v1/agents_pb.js";
import { EventSchema, file_agentry_v1_event } from "../../gen/agentry/v1/event_pb.js";
import { file_agentry_v1_message } from "../../gen/agentry/v1/message_pb.js";
import { file_agentry_v1_providers } from "../../gen/agentry/v1/providers_pb.js";
import { file_agentry_v1_run } from "../../gen/agentry/v1/run_pb.js";
import { file_agentry_v1_sessions } from "../../gen/agentry/v1/sessions_pb.js";
import { JsonEncoder } from "../../src/transcode/json-encoder.js";
import { quoteJson } from "../../src/transcode/json-scalar.js";
import { Everything } from "./library.js";

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom("\ud800", '"\\\n\u2028', "__proto__"),
);

function scalar(type: ScalarType, longAsString: boolean): fc.Arbitrary<unknown> {
  const long = (arbitrary: fc.Arbitrary<bigint>) => (longAsString ? arbitrary.map(String) : arbitrary);
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.uint8Array();
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.nat(4_294_967_295);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return long(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return long(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    default:
      return fc.integer();
  }
}

const plainJson: fc.Arbitrary<Record<string, JsonValue>> = fc.dictionary(
  text,
  fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as JsonValue),
);

function wellKnown(desc: DescMessage): fc.Arbitrary<unknown> | undefined {
  const init = (fields: Record<string, unknown>): Message => create(desc, fields);
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      return fc
        .tuple(
          fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
          fc.oneof(
            fc.nat(999_999_999),
            fc.nat(999).map((ms) => ms * 1_000_000),
            fc.nat(999_999).map((us) => us * 1000),
          ),
        )
        .map(([seconds, nanos]) => init({ seconds, nanos }));
    case "google.protobuf.Duration":
      return fc
        .tuple(fc.bigInt({ min: 0n, max: 315_576_000_000n }), fc.nat(999_999_999))
        .map(([seconds, nanos]) => init({ seconds, nanos }));
    case "google.protobuf.FieldMask":
      return fc.array(fc.constantFrom("a", "a.b", "long_name")).map((paths) => init({ paths }));
    case "google.protobuf.Value":
      return text.map((value) => init({ kind: { case: "stringValue", value } }));
    case "google.protobuf.ListValue":
    case "google.protobuf.Any":
      return fc.constant(init({}));
    default:
      return undefined;
  }
}

function single(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.message) {
    if (field.message.typeName === "google.protobuf.Struct") return plainJson;
    const bare = field.fieldKind === "message" && !field.oneof;
    if (isWrapperDesc(field.message) && bare) {
      const [value] = field.message.fields;
      return scalar(value.scalar, value.longAsString);
    }
    return wellKnown(field.message) ?? messages(field.message, depth - 1);
  }
  if (field.enum) {
    return fc.oneof(fc.constantFrom(...field.enum.values.map(({ number }) => number)), fc.nat(99));
  }
  return scalar(field.scalar, "longAsString" in field && field.longAsString);
}

function keyOf(type: ScalarType): fc.Arbitrary<string> {
  return scalar(type, false).map(String);
}

function fieldValue(field: DescField, depth: number): fc.Arbitrary<unknown> {
  if (field.fieldKind === "list") return fc.array(single(field, depth), { maxLength: 3 });
  if (field.fieldKind === "map")
    return fc.dictionary(keyOf(field.mapKey), single(field, depth), { maxKeys: 3 });
  return single(field, depth);
}

/** Any message of a type, nested to a depth. */
function messages(desc: DescMessage, depth: number): fc.Arbitrary<Message> {
  const arbitraries: Record<string, fc.Arbitrary<unknown>> = {};
  for (const member of desc.members) {
    const fields = (member.kind === "oneof" ? member.fields : [member]).filter(
      (field) => depth > 0 || !field.message || wellKnown(field.message),
    );
    if (fields.length === 0) continue;
    arbitraries[member.localName] =
      member.kind === "oneof"
        ? fc.oneof(
            ...fields.map((field) => single(field, depth).map((value) => ({ case: field.localName, value }))),
          )
        : fieldValue(member, depth);
  }
  return fc.record(arbitraries, { requiredKeys: [] }).map((init) => create(desc, init));
}

const files = [
  file_agentry_v1_agents,
  file_agentry_v1_event,
  file_agentry_v1_message,
  file_agentry_v1_providers,
  file_agentry_v1_run,
  file_agentry_v1_sessions,
];
const everyMessage = [...files.flatMap(({ messages }) => messages), Everything].map(
  (desc) => [desc.typeName, desc] as const,
);
const shapes = (["proto", "json"] as const).flatMap((fieldNames) =>
  [true, false].map((printDefaults) => ({ fieldNames, printDefaults })),
);

describe.each(everyMessage)("JsonEncoder of %s", (_name, desc) => {
  it("prints what toJsonString prints", () => {
    const encoders = shapes.map((shape) => ({ shape, print: new JsonEncoder(shape).message(desc) }));
    fc.assert(
      fc.property(messages(desc, 2), (message) => {
        for (const { shape, print } of encoders) {
          const expected = toJsonString(desc, message, {
            useProtoFieldName: shape.fieldNames === "proto",
            alwaysEmitImplicit: shape.printDefaults,
          });
          expect(print(message)).toBe(expected);
        }
      }),
      { numRuns: desc === Everything ? 400 : 60 },
    );
  });
});

describe("JsonEncoder", () => {
  const print = new JsonEncoder({ fieldNames: "proto", printDefaults: false }).message(EventSchema);
  it("refuses what is not of its type", () => {
    const wrong = { $typeName: "agentry.v1.Event", seq: "1; drop", sessionId: 5, body: { case: undefined } };
    expect(() => print(wrong)).toThrow("expected");
  });
});

describe("quoteJson", () => {
  it("prints what JSON.stringify prints", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(quoteJson(value)).toBe(JSON.stringify(value));
      }),
    );
  });
});
