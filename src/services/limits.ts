import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { invalid } from "../core/fault.js";
import { isShallow, maxJsonDepth } from "../core/json-depth.js";

const maxLabels = 64;
const maxLabelLength = 256;

/** @throws Fault `invalid` for a text that is longer than it may be. */
export function checkLength(name: string, text: string, max: number): void {
  if (text.length > max) throw invalid(`${name} has ${text.length} characters; at most ${max} are allowed`);
}

/** @throws Fault `invalid` for a name or title that is too long, or that programs in C would show a part of. */
export function checkTitle(name: string, text: string, max: number): void {
  checkLength(name, text, max);
  if (text.includes("\0")) throw invalid(`${name} has a NUL character`);
}

/** @throws Fault `invalid` for too many labels, or too long ones. */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > maxLabels)
    throw invalid(`labels has ${entries.length} entries; at most ${maxLabels} are allowed`);
  for (const [key, value] of entries) {
    if (key === "" || key.length > maxLabelLength) throw invalid("a label's name has 1 to 256 characters");
    checkLength(`label ${JSON.stringify(key)}`, value, maxLabelLength);
  }
}

/** @throws Fault `invalid` for free-form JSON that nests too deeply to be kept, or that JSON cannot say. */
export function checkJson(name: string, value: unknown): void {
  if (!isShallow(value)) throw invalid(`${name} nests deeper than ${maxJsonDepth} levels`);
  if (!isSayable(value)) throw invalid(`${name} has a number that JSON cannot say`);
}

function isSayable(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value !== "object" || value === null || Object.values(value).every(isSayable);
}

/** @throws Fault `invalid` for a value that the enum does not name: binary messages may hold any. */
export function checkEnum(name: string, names: Readonly<Record<number, string>>, value: number): void {
  if (names[value] === undefined) throw invalid(`${name} has the unknown value ${value}`);
}

// google.protobuf.Timestamp: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z.
const minSeconds = -62_135_596_800n;
const maxSeconds = 253_402_300_799n;

/** @throws Fault `invalid` for a time that has no form in JSON. */
export function checkTime(name: string, time: Timestamp | undefined): void {
  if (!time) return;
  const { seconds, nanos } = time;
  if (seconds < minSeconds || seconds > maxSeconds || nanos < 0 || nanos > 999_999_999)
    throw invalid(`${name} is not a time between the years 1 and 9999`);
}
