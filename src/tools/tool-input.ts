import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ToolFailure } from "./tool-failure.js";

/**
 * The arguments of a call, checked against the tool's own schema: that required members are there, and
 * that known members have their type, are in their `enum` and within `minimum` and `maximum`. Unknown
 * members are ignored. Throws a `ToolFailure` that names the member.
 */
export class ToolInput {
  constructor(
    schema: JsonObject,
    private readonly values: JsonObject,
  ) {
    if (!isObject(values)) throw new ToolFailure("the arguments must be a JSON object");
    for (const name of listOf(schema.required)) {
      if (typeof name === "string" && this.get(name) === undefined)
        throw new ToolFailure(`${name} is required`);
    }
    const properties = schema.properties;
    for (const [name, rule] of Object.entries(isObject(properties) ? properties : {})) {
      const value = this.get(name);
      if (value !== undefined && isObject(rule)) checkMember(name, rule, value);
    }
  }

  /** A member as it is; undefined when absent or null, which models send for absent. */
  get(name: string): JsonValue | undefined {
    if (!Object.hasOwn(this.values, name)) return undefined;
    return this.values[name] ?? undefined;
  }

  text(name: string): string {
    const value = this.get(name);
    if (typeof value !== "string") throw new ToolFailure(`${name} must be a string`);
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.get(name) === undefined ? undefined : this.text(name);
  }

  number(name: string, whenAbsent: number): number {
    const value = this.get(name) ?? whenAbsent;
    if (typeof value !== "number") throw new ToolFailure(`${name} must be a number`);
    return value;
  }

  flag(name: string): boolean {
    return this.get(name) === true;
  }
}

function checkMember(name: string, rule: JsonObject, value: JsonValue): void {
  const types = typeof rule.type === "string" ? [rule.type] : listOf(rule.type);
  if (types.length > 0 && !types.some((type) => hasType(value, type))) {
    throw new ToolFailure(`${name} must be of type ${types.join(" or ")}`);
  }
  const choices = listOf(rule.enum);
  if (choices.length > 0 && !choices.includes(value)) {
    throw new ToolFailure(
      `${name} must be one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`,
    );
  }
  if (typeof value !== "number") return;
  const { minimum, maximum } = rule;
  if (typeof minimum === "number" && value < minimum)
    throw new ToolFailure(`${name} must be at least ${minimum}`);
  if (typeof maximum === "number" && value > maximum)
    throw new ToolFailure(`${name} must be at most ${maximum}`);
}

function hasType(value: JsonValue, type: JsonValue): boolean {
  if (type === "integer") return Number.isSafeInteger(value);
  if (type === "object") return isObject(value);
  if (type === "array") return Array.isArray(value);
  return typeof value === type;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}
