import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { canonicalJson } from "../core/canonical-json.js";
import { isShallow } from "../core/json-depth.js";

/** The arguments of a call: an object, or the text that is none. */
export type ToolArguments = { readonly object: JsonObject } | { readonly invalid: string };

/** Longest text of arguments, in UTF-16 code units. */
const maxLength = 1024 * 1024;

/**
 * Reads what a model sent as arguments. Nothing at all means no arguments. What cannot be kept and shown as
 * it is counts as invalid: numbers beyond a double, a member `__proto__`, deep nesting, a huge text.
 */
export function parseArguments(json: string): ToolArguments {
  if (json.trim() === "") return { object: {} };
  if (json.length > maxLength) return { invalid: json.slice(0, maxLength).toWellFormed() };
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value) && isShallow(value) && isPlain(value)) return { object: value };
  } catch {
    // Told to the model below.
  }
  return { invalid: json };
}

/** Whether a value that nests no deeper than arguments may is the same after it was stored. */
function isPlain(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return !Object.hasOwn(value, "__proto__") && Object.values(value).every(isPlain);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** SHA-256 of a tool's name and arguments in canonical JSON (RFC 8785: members sorted, no blanks), hexadecimal. */
export function hashCall(name: string, input: JsonObject): string {
  return createHash("sha256")
    .update(canonicalJson([name, input]))
    .digest("hex");
}
