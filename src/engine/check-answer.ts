import { isDeepStrictEqual } from "node:util";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Fault } from "../core/fault.js";
import { invalid } from "../core/fault.js";

/**
 * Holds the answer to an elicitation against the schema that was asked with: an object of plain properties and of
 * lists of choices, as the Model Context Protocol has it. Other keywords do not count, and members that the schema
 * does not know are let be unless `additionalProperties` is false. Throws `invalid`, which names the member and does
 * not show its value.
 */
export function checkAnswer(schema: JsonObject, content: JsonObject): void {
  const properties = asObject(schema.properties);
  for (const name of asList(schema.required)) {
    if (typeof name === "string" && !Object.hasOwn(content, name)) throw unfit(name, "is required");
  }
  for (const [name, value] of Object.entries(content)) {
    if (Object.hasOwn(properties, name)) checkMember(name, asObject(properties[name]), value);
    else if (schema.additionalProperties === false) throw unfit(name, "is not asked for");
  }
}

function checkMember(name: string, rule: JsonObject, value: JsonValue): void {
  const types = typeof rule.type === "string" ? [rule.type] : asList(rule.type);
  if (types.length > 0 && !types.some((type) => hasType(value, type)))
    throw unfit(name, `is not of the type ${types.join(" or ")}`);
  const choices = choicesOf(rule);
  if (choices && !choices.some((choice) => isDeepStrictEqual(choice, value)))
    throw unfit(name, `is none of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`);
  if (typeof value === "string") checkText(name, rule, value);
  if (typeof value === "number") checkRange({ name, rule, least: "minimum", most: "maximum" }, value, "is");
  if (Array.isArray(value)) checkList(name, rule, value);
}

/** The values that are listed: by `enum`, by `const`, or by alternatives that have a title each. */
function choicesOf(rule: JsonObject): JsonValue[] | undefined {
  if (Object.hasOwn(rule, "const")) return [rule.const ?? null];
  if (Array.isArray(rule.enum)) return rule.enum;
  const titled = [rule.oneOf, rule.anyOf].find((one) => Array.isArray(one));
  const listed = asList(titled).map(asObject);
  return listed.length > 0 && listed.every((one) => Object.hasOwn(one, "const"))
    ? listed.map((one) => one.const ?? null)
    : undefined;
}

function checkText(name: string, rule: JsonObject, text: string): void {
  const range = { name, rule, least: "minLength", most: "maxLength" };
  checkRange(range, [...text].length, "has a length of");
  const isFormat = typeof rule.format === "string" ? formats.get(rule.format) : undefined;
  if (isFormat && !isFormat(text)) throw unfit(name, `is not of the format ${String(rule.format)}`);
}

function checkList(name: string, rule: JsonObject, list: readonly JsonValue[]): void {
  checkRange({ name, rule, least: "minItems", most: "maxItems" }, list.length, "has a number of items of");
  for (const [index, item] of list.entries()) checkMember(`${name}[${index}]`, asObject(rule.items), item);
}

/** The keywords that bound a number from below and above. */
interface Range {
  readonly name: string;
  readonly rule: JsonObject;
  readonly least: string;
  readonly most: string;
}

function checkRange({ name, rule, least, most }: Range, size: number, what: string): void {
  const [low, high] = [rule[least], rule[most]];
  if (typeof low === "number" && size < low) throw unfit(name, `${what} less than ${low}`);
  if (typeof high === "number" && size > high) throw unfit(name, `${what} more than ${high}`);
}

const formats: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ["email", (text: string) => /^[^\s@]+@[^\s@]+$/.test(text)],
  ["uri", (text: string) => URL.canParse(text)],
  ["date", isDate],
  [
    "date-time",
    (text: string) =>
      isDate(text.slice(0, 10)) &&
      /^.{10}[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text),
  ],
]);

/** A full date of RFC 3339 that is in the calendar. */
function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function hasType(value: JsonValue, type: JsonValue): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "null":
      return value === null;
    case "string":
    case "number":
    case "boolean":
      return typeof value === type;
    default:
      return true;
  }
}

const longestName = 100;

function unfit(name: string, why: string): Fault {
  const field = `content.${name.length > longestName ? `${name.slice(0, longestName)}…` : name}`;
  return invalid(`${field} ${why}`.toWellFormed(), { field: field.toWellFormed() });
}

const asList = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);

function asObject(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
