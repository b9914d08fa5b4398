import { ScalarType } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";

const int32 = { min: -2_147_483_648n, max: 2_147_483_647n };
const uint32 = { min: 0n, max: 4_294_967_295n };
const int64 = { min: -9_223_372_036_854_775_808n, max: 9_223_372_036_854_775_807n };
const uint64 = { min: 0n, max: 18_446_744_073_709_551_615n };
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Reads a scalar of a path or a query. Throws an Error that says what was expected, without the text.
 * Integers are decimal; bool is `true` or `false`; bytes are base64 of either alphabet, padded or not.
 */
export function parseScalar(type: ScalarType, text: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      if (text === "true") return true;
      if (text === "false") return false;
      throw new Error("expected true or false");
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return Number(parseInteger(text, int32));
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Number(parseInteger(text, uint32));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return parseInteger(text, int64);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return parseInteger(text, uint64);
    case ScalarType.FLOAT:
      return parseFloating(text, Math.fround);
    case ScalarType.DOUBLE:
      return parseFloating(text, (value) => value);
    case ScalarType.BYTES:
      return parseBytes(text);
    default:
      return type satisfies never;
  }
}

function parseInteger(text: string, range: { min: bigint; max: bigint }): bigint {
  // A longer text cannot be in range, and BigInt would be slow on it.
  if (!/^-?\d{1,20}$/.test(text)) throw new Error("expected an integer in range");
  const value = BigInt(text);
  if (value < range.min || value > range.max) throw new Error("expected an integer in range");
  return value;
}

function parseFloating(text: string, round: (value: number) => number): number {
  if (text === "NaN") return Number.NaN;
  if (text === "Infinity") return Number.POSITIVE_INFINITY;
  if (text === "-Infinity") return Number.NEGATIVE_INFINITY;
  if (!decimal.test(text)) throw new Error("expected a number");
  const value = Number(text);
  if (!Number.isFinite(round(value))) throw new Error("expected a number in range");
  return value;
}

function parseBytes(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw new Error("expected base64");
  try {
    return base64Decode(text);
  } catch {
    throw new Error("expected base64");
  }
}
