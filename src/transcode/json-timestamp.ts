import { asFields } from "./message-field.js";

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const minSeconds = -62_135_596_800n;
const maxSeconds = 253_402_300_799n;

/**
 * Creates a printer of google.protobuf.Timestamp: RFC 3339 in quotes, with 0, 3, 6 or 9 digits of a second.
 * It remembers the last second, since the events of a stream share it. Throws when out of range.
 */
export function createTimestampPrinter(): (timestamp: unknown) => string {
  let lastSeconds: bigint | undefined;
  let prefix = "";
  return (timestamp) => {
    const { seconds, nanos } = asFields(timestamp);
    if (typeof seconds !== "bigint" || typeof nanos !== "number") throw new Error("a timestamp is malformed");
    if (seconds !== lastSeconds) {
      if (seconds < minSeconds || seconds > maxSeconds) throw new Error("a timestamp is out of range");
      prefix = `"${new Date(Number(seconds) * 1000).toISOString().slice(0, -5)}`;
      lastSeconds = seconds;
    }
    return nanos === 0 ? `${prefix}Z"` : `${prefix}.${fraction(nanos)}Z"`;
  };
}

function fraction(nanos: number): string {
  if (nanos < 0 || nanos > 999_999_999) throw new Error("the nanoseconds of a timestamp are out of range");
  if (nanos % 1_000_000 === 0) return String(1000 + nanos / 1_000_000).slice(1);
  if (nanos % 1000 === 0) return String(1_000_000 + nanos / 1000).slice(1);
  return String(1_000_000_000 + nanos).slice(1);
}
