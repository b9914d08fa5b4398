import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { canonicalJson } from "../../core/canonical-json.js";
import type { OfferedTool } from "../../core/tool-servers.js";
import { takeStart } from "../show-text.js";
import { plainObject } from "./plain-json.js";

/** What a server may say of a tool. What else it says reaches nobody. */
const members = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];
const longestName = 128;
const longestDescription = 8_000;
/** UTF-16 units of a declaration in JSON. */
const longestDeclaration = 64 * 1024;

/**
 * Reads a tool as a server declares it. Undefined for one that no model can be given: without a name, with a
 * schema that is none of an object, or too large. Of a long description the start is kept.
 */
export function readTool(value: unknown): OfferedTool | undefined {
  const declared = plainObject(value);
  if (!declared) return undefined;
  const declaration: JsonObject = Object.fromEntries(
    members.flatMap((name) => (Object.hasOwn(declared, name) ? [[name, declared[name] ?? null]] : [])),
  );
  const { name, description, inputSchema } = declaration;
  if (typeof name !== "string" || name === "" || name.length > longestName) return undefined;
  if (!isObjectSchema(inputSchema)) return undefined;
  const json = canonicalJson(declaration);
  if (json.length > longestDeclaration) return undefined;
  return {
    name,
    description: typeof description === "string" ? cut(description) : "",
    inputSchema,
    declaration,
    sha256: createHash("sha256").update(json).digest("hex"),
  };
}

function isObjectSchema(schema: unknown): schema is JsonObject {
  return (
    typeof schema === "object" &&
    schema !== null &&
    !Array.isArray(schema) &&
    "type" in schema &&
    schema.type === "object"
  );
}

function cut(text: string): string {
  if (text.length <= longestDescription) return text;
  return `${takeStart(text, longestDescription)} [cut]`;
}
