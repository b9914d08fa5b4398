import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** Whether a value is a JSON object. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a member that is a list; none when it is anything else. */
export function objectsIn(value: JsonValue | undefined, member: string): JsonObject[] {
  const list = isJsonObject(value) && Object.hasOwn(value, member) ? value[member] : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
