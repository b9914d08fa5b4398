import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isJsonObject } from "./json-shape.js";
import { ToolFailure } from "./tool-failure.js";

const mostProperties = 50;
const mostBytes = 16_384;
const plainTypes = ["string", "number", "integer", "boolean"];
const objectKeywords = new Set(["$schema", "type", "title", "description", "properties", "required"]);
const propertyKeywords = new Set([
  "type",
  "title",
  "description",
  "default",
  "enum",
  "enumNames",
  "format",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
]);

/**
 * Throws a `ToolFailure` unless a schema is one that any client can show as a form: an object of plain
 * properties, as the Model Context Protocol has it for elicitation.
 */
export function checkForm(schema: JsonObject): void {
  if (Buffer.byteLength(JSON.stringify(schema)) > mostBytes)
    throw new ToolFailure(`schema is longer than ${mostBytes} bytes`);
  checkKeywords("schema", schema, objectKeywords);
  const { properties, required } = schema;
  if (schema.type !== "object" || !isJsonObject(properties))
    throw new ToolFailure('schema must have the type "object" and properties');
  if (Object.keys(properties).length > mostProperties)
    throw new ToolFailure(`schema has more than ${mostProperties} properties`);
  for (const [name, rule] of Object.entries(properties)) checkProperty(name, rule);
  const known = (name: JsonValue): boolean => typeof name === "string" && Object.hasOwn(properties, name);
  if (required !== undefined && !(Array.isArray(required) && required.every(known)))
    throw new ToolFailure("required of the schema must be a list of its properties");
}

function checkProperty(name: string, rule: JsonValue): void {
  const place = `the property ${JSON.stringify(name)} of the schema`;
  if (!isJsonObject(rule) || typeof rule.type !== "string" || !plainTypes.includes(rule.type))
    throw new ToolFailure(`${place} must have one of the types ${plainTypes.join(", ")}`);
  checkKeywords(place, rule, propertyKeywords);
  const choices = rule.enum;
  const isList = Array.isArray(choices) && choices.every((choice) => typeof choice === "string");
  if (choices !== undefined && !(rule.type === "string" && isList))
    throw new ToolFailure(`${place} must have strings for its enum`);
}

function checkKeywords(place: string, rule: JsonObject, known: ReadonlySet<string>): void {
  const unknown = Object.keys(rule).find((keyword) => !known.has(keyword));
  if (unknown !== undefined) throw new ToolFailure(`${place} must not have ${JSON.stringify(unknown)}`);
}
