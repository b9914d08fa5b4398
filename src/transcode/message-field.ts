import type { DescField, DescMessage, DescOneof, Message } from "@bufbuild/protobuf";
import { create, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";

/** A message as the plain object that it is, by the local names of its fields. */
export type LocalFields = Record<string, unknown>;

/** Sees a message, or anything else, as an object to look into. */
export function asFields(value: unknown): LocalFields {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is LocalFields {
  return typeof value === "object" && value !== null;
}

interface LocalOneof {
  case: string | undefined;
  value?: unknown;
}

/** The oneof of a message: which field is set, and its value. */
export function readOneof(message: LocalFields, oneof: DescOneof): LocalOneof {
  const value = message[oneof.localName];
  if (!isObject(value)) return { case: undefined };
  return { case: typeof value.case === "string" ? value.case : undefined, value: value.value };
}

/** The value of a field, undefined where it has presence and is not set. */
export function readField(message: LocalFields, field: DescField): unknown {
  if (field.oneof) {
    const oneof = readOneof(message, field.oneof);
    return oneof.case === field.localName ? oneof.value : undefined;
  }
  return message[field.localName];
}

/** Sets a field to a value in its local form. */
export function writeField(message: LocalFields, field: DescField, value: unknown): void {
  if (field.oneof) message[field.oneof.localName] = { case: field.localName, value };
  else message[field.localName] = value;
}

/** Whether a field differs from what a new message has. */
export function isFieldSet(message: LocalFields, field: DescField): boolean {
  const value = readField(message, field);
  if (value === undefined) return false;
  if (field.fieldKind === "list") return Array.isArray(value) && value.length > 0;
  if (field.fieldKind === "map") return Object.keys(asFields(value)).length > 0;
  if (field.oneof || field.fieldKind === "message") return true;
  if (field.presence !== implicitPresence) return Object.hasOwn(message, field.localName);
  if (value instanceof Uint8Array) return value.length > 0;
  if (field.scalar === ScalarType.STRING) return value !== "";
  return value !== false && Number(value) !== 0;
}

/** FeatureSet.FieldPresence.IMPLICIT of google/protobuf/descriptor.proto. */
export const implicitPresence = 2;
/** FeatureSet.FieldPresence.LEGACY_REQUIRED. */
export const requiredPresence = 3;

/** The message in a singular message field, created where it is absent. */
export function enterField(message: LocalFields, field: DescField & { fieldKind: "message" }): LocalFields {
  const present = readField(message, field);
  if (isObject(present)) return present;
  const created = asFields(create(field.message));
  writeField(message, field, created);
  return created;
}

/** Finds a field by its proto or its JSON name. */
export function findField(message: DescMessage, name: string): DescField | undefined {
  return message.fields.find((field) => field.name === name || field.jsonName === name);
}

/**
 * Whether a field holds plain JSON in place of a Struct message, as protobuf-es does everywhere but in
 * google.protobuf.Value.
 */
export function isPlainStruct(field: DescField): boolean {
  return (
    field.message?.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value"
  );
}

/** Whether a field holds the bare scalar in place of a wrapper message, as protobuf-es does outside of oneofs. */
export function isBareWrapper(field: DescField): boolean {
  return field.fieldKind === "message" && !field.oneof && isWrapperDesc(field.message);
}

/** A value of a service as a message: itself, or built from its init. */
export function toMessage(desc: DescMessage, value: unknown): Message {
  const fields = asFields(value);
  return isMessageOf(desc, fields) ? fields : create(desc, fields);
}

/** Whether a value is a message of this type. */
export function isMessageOf(desc: DescMessage, value: LocalFields): value is Message {
  return value.$typeName === desc.typeName;
}
