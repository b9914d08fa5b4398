import type { DescEnum, DescField, DescMessage, JsonValue } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";

type Arbitrary = fc.Arbitrary<JsonValue>;

const hostile = [
  "",
  "nope",
  "\0",
  "\ud800",
  "\r\n\r\nid: 9",
  "../..",
  "%2F",
  "__proto__",
  "🚀",
  "$(id)",
  "a".repeat(3000),
  "-1",
  "1e400",
  "NaN",
];
const edges: JsonValue[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 32,
  2 ** 53,
  1e308,
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775809",
  "18446744073709551616",
  "NaN",
  "Infinity",
  "-Infinity",
];
const wrong: Arbitrary = fc.oneof(
  fc.constantFrom<JsonValue>(null, true, false, [], {}, [[]], [null], { __proto__: 1 }, { a: [1] }),
  fc.constantFrom(...edges),
  fc.constantFrom(...hostile),
  fc.jsonValue({ maxDepth: 3 }).map((value) => value as JsonValue),
);

/**
 * JSON for a message as a caller may send it: mostly of the right types and at their edges, sometimes of other ones, with
 * unknown enums and members. `ids` are strings that mean something to the server.
 */
export function messageArbitrary(message: DescMessage, ids: readonly string[], depth = 0): Arbitrary {
  if (message.typeName.startsWith("google.protobuf.")) return wellKnown(message.typeName);
  const fields = message.fields.map((field) => [field.jsonName, fieldArbitrary(field, ids, depth)] as const);
  const members = Object.fromEntries(fields);
  const known = fc.record(members, { requiredKeys: [] }) as Arbitrary;
  const unknownMember = fc
    .tuple(known, fc.constantFrom("unknown", "__proto__", "constructor", "@type"), wrong)
    .map(([value, name, more]): JsonValue => ({ ...(value as object), [name]: more }));
  return fc.oneof({ weight: 8, arbitrary: known }, { weight: 1, arbitrary: unknownMember });
}

function fieldArbitrary(field: DescField, ids: readonly string[], depth: number): Arbitrary {
  const one = oneArbitrary(field, ids, depth);
  const right =
    field.fieldKind === "list"
      ? (fc.array(one, { maxLength: 3 }) as Arbitrary)
      : field.fieldKind === "map"
        ? (fc.dictionary(fc.constantFrom("a", "__proto__", "toString", ""), one, { maxKeys: 2 }) as Arbitrary)
        : one;
  return fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: wrong });
}

function oneArbitrary(field: DescField, ids: readonly string[], depth: number): Arbitrary {
  if (field.message !== undefined)
    return depth > 4 ? fc.constant({}) : messageArbitrary(field.message, ids, depth + 1);
  if (field.enum !== undefined) return enumArbitrary(field.enum);
  switch (field.scalar) {
    case ScalarType.STRING:
      return fc.oneof(
        fc.constantFrom(...ids),
        fc.constantFrom(...hostile),
        fc.string({ unit: "binary", maxLength: 20 }),
      );
    case ScalarType.BYTES:
      return fc.oneof(fc.base64String({ maxLength: 40 }), fc.constantFrom("=", "%%%", "AA"));
    case ScalarType.BOOL:
      return fc.boolean();
    default:
      return fc.oneof(fc.integer({ min: -3, max: 200 }), fc.constantFrom(...edges));
  }
}

function enumArbitrary({ values }: DescEnum): Arbitrary {
  const names = values.map(({ name }) => name);
  return fc.constantFrom<JsonValue>(...names, "UNKNOWN_VALUE", 99, -1, 2 ** 31);
}

function wellKnown(name: string): Arbitrary {
  if (name.endsWith(".Timestamp"))
    return fc.constantFrom<JsonValue>(
      "2026-01-31T12:00:00Z",
      "0001-01-01T00:00:00Z",
      "9999-12-31T23:59:59.999999999Z",
      "x",
      1,
    );
  if (name.endsWith(".Duration"))
    return fc.constantFrom<JsonValue>("1s", "-1s", "315576000000s", "1e9s", "x");
  if (name.endsWith(".FieldMask"))
    return fc.constantFrom<JsonValue>("title", "*", "nope,a.b.c", "", "__proto__", 1);
  return fc.jsonValue({ maxDepth: 4 }).map((value) => value as JsonValue);
}
