import type { DescEnum } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";

/** Prints one value as JSON text. Throws where the value is not of its type. */
export type JsonPrinter = (value: unknown) => string;

// Shorter than JSON.stringify for the plain short strings that most fields hold.
const needsNoEscape = /^[\x20!#-[\]-\x7e]*$/;

/** A string as JSON. Lone surrogates are escaped, so the result is always well-formed UTF-16. */
export function quoteJson(text: string): string {
  return text.length < 48 && needsNoEscape.test(text) ? `"${text}"` : JSON.stringify(text);
}

function mismatch(expected: string): never {
  throw new Error(`cannot print a message: expected ${expected}`);
}

const printString: JsonPrinter = (value) =>
  typeof value === "string" ? quoteJson(value) : mismatch("a string");
const printBool: JsonPrinter = (value) => (typeof value === "boolean" ? String(value) : mismatch("a bool"));
const printInteger: JsonPrinter = (value) => (Number.isFinite(value) ? String(value) : mismatch("a number"));
const printLong: JsonPrinter = (value) =>
  typeof value === "bigint" || Number.isInteger(value) || (typeof value === "string" && /^-?\d+$/.test(value))
    ? `"${value}"`
    : mismatch("a 64-bit integer");
const printBytes: JsonPrinter = (value) =>
  value instanceof Uint8Array ? `"${base64Encode(value)}"` : mismatch("bytes");

const printFloating: JsonPrinter = (value) => {
  if (typeof value !== "number") return mismatch("a number");
  if (Number.isFinite(value)) return String(value);
  return `"${value}"`;
};

/** The printer of a scalar type: 64-bit integers as strings, bytes as base64, NaN and the infinities as words. */
export function scalarPrinter(type: ScalarType): JsonPrinter {
  switch (type) {
    case ScalarType.STRING:
      return printString;
    case ScalarType.BOOL:
      return printBool;
    case ScalarType.BYTES:
      return printBytes;
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return printFloating;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return printInteger;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return printLong;
    default:
      return type satisfies never;
  }
}

/** The printer of an enum: names, and the number of a value without one. */
export function enumPrinter(desc: DescEnum): JsonPrinter {
  if (desc.typeName === "google.protobuf.NullValue") return () => "null";
  const names = new Map(desc.values.map((value) => [value.number, JSON.stringify(value.jsonName)]));
  return (value) =>
    typeof value === "number" ? (names.get(value) ?? printInteger(value)) : mismatch("an enum");
}
