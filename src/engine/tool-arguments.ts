import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { isShallow } from "../core/json-depth.js";

/** The arguments of a call: an object, or the text that is none. */
export type ToolArguments = { readonly object: JsonObject } | { readonly invalid: string };

/** Reads what a model sent as arguments. Nothing at all means no arguments. */
export function parseArguments(json: string): ToolArguments {
  if (json.trim() === "") return { object: {} };
  try {
    const value: unknown = JSON.parse(json);
    if (isObject(value) && isShallow(value)) return { object: value };
  } catch {
    // Told to the model below.
  }
  return { invalid: json };
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

/** Canonical JSON of a value that nests no deeper than arguments may. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}
