import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isShallow } from "../../core/json-depth.js";

/**
 * How deep what a server declares may nest: it is kept inside of other objects, which nest no deeper than
 * `maxJsonDepth`.
 */
const maxDepth = 24;

/**
 * A copy of an object as it can be stored and shown: whole characters, numbers that JSON can say, no member
 * `__proto__`. Undefined for what is no object or nests too deeply.
 */
export function plainObject(value: unknown): JsonObject | undefined {
  if (!isRecord(value) || !isShallow(value, maxDepth)) return undefined;
  return copyObject(value);
}

/** Whether a value is an object with members, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function copyObject(value: Record<string, unknown>): JsonObject {
  const members = Object.entries(value).filter(
    ([key, member]) => key !== "__proto__" && member !== undefined,
  );
  return Object.fromEntries(members.map(([key, member]) => [key.toWellFormed(), copy(member)]));
}

function copy(value: unknown): JsonValue {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(copy);
  return isRecord(value) ? copyObject(value) : null;
}
