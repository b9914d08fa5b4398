import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { canonicalJson } from "../../core/canonical-json.js";
import type { OfferedTool } from "../../core/tool-servers.js";
import { takeStart } from "../show-text.js";
import { isRecord, plainObject } from "./plain-json.js";

/** What a server may say of a tool. What else it says reaches nobody. */
const members = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"];
const longestName = 128;
const longestDescription = 8_000;
/** UTF-16 units of a declaration in JSON. */
const longestDeclaration = 64 * 1024;

/** What Anthropic takes as the name of an argument: another one would fail every model call of the agent. */
const argumentName = /^[\w.-]{1,64}$/;
/** What Anthropic does not take at the top of a schema. */
const combiners = new Set(["oneOf", "anyOf", "allOf"]);

/**
 * Reads a tool as a server declares it. Undefined for one that no model can be given: without a name, with a
 * schema that is none of an object, with arguments of odd names, too large, or to be called as a task alone. Of a long
 * description the start is kept, and of the schema what every provider takes.
 */
export function readTool(value: unknown): OfferedTool | undefined {
  const declared = plainObject(value);
  if (!declared || isTaskOnly(declared)) return undefined;
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
    inputSchema: Object.fromEntries(Object.entries(inputSchema).filter(([key]) => !combiners.has(key))),
    declaration,
    sha256: createHash("sha256").update(json).digest("hex"),
  };
}

/** Whether it answers with a task, which a client would have to ask for again and again: this one does not. */
const isTaskOnly = ({ execution }: JsonObject): boolean =>
  isRecord(execution) && execution.taskSupport === "required";

function isObjectSchema(schema: unknown): schema is JsonObject {
  if (!isRecord(schema) || schema.type !== "object") return false;
  const { properties = {} } = schema;
  return isRecord(properties) && Object.keys(properties).every((name) => argumentName.test(name));
}

function cut(text: string): string {
  if (text.length <= longestDescription) return text;
  return `${takeStart(text, longestDescription)} [cut]`;
}
