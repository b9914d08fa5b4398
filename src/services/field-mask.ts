import type { DescMessage, Message } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import { invalid } from "../core/fault.js";

/** An update: the stored message, the one that brings the changes, and which of its fields count. */
export interface Masked<T extends Message> {
  readonly schema: DescMessage;
  readonly stored: T;
  readonly changes: T;
  /**
   * Names of fields, as in google.protobuf.FieldMask, each replaced whole: a path into a field is refused.
   * Empty: every field that is set in `changes`.
   */
  readonly paths: readonly string[];
  /** Proto names of the fields that may be changed. */
  readonly mutable: readonly string[];
}

/**
 * A copy of `stored` with the masked fields of `changes`; a masked field that is not set there is cleared.
 * @throws Fault `invalid` for a name that is no field, or a field that cannot be changed.
 */
export function applyMask<T extends Message>({ schema, stored, changes, paths, mutable }: Masked<T>): T {
  const names = paths.length > 0 ? paths : setFields(schema, changes, mutable);
  const changed: T = { ...stored };
  for (const name of names) {
    const field = schema.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
    if (!field)
      throw invalid(`update_mask names ${JSON.stringify(name)}, which is no field of ${schema.name}`);
    // Members that a client sends back as it got them are no attempt to change them.
    if (!mutable.includes(field.name)) {
      if (paths.length > 0 && readOnlyEcho(schema, stored, changes, field.localName)) continue;
      throw invalid(`${field.name} of ${schema.name} cannot be changed`);
    }
    copyField(changed, changes, field.localName);
  }
  return changed;
}

function setFields(schema: DescMessage, message: Message, mutable: readonly string[]): string[] {
  return schema.fields
    .filter((field) => mutable.includes(field.name) && isFieldSet(message, field))
    .map((field) => field.name);
}

function readOnlyEcho(schema: DescMessage, stored: Message, changes: Message, localName: string): boolean {
  const replacer = (_key: string, value: unknown): unknown =>
    typeof value === "bigint" ? `${value}n` : value;
  const of = (message: Message): string => JSON.stringify(Reflect.get(message, localName), replacer) ?? "";
  return schema.fields.length > 0 && of(stored) === of(changes);
}

function copyField(target: Message, source: Message, localName: string): void {
  if (Object.hasOwn(source, localName)) Reflect.set(target, localName, Reflect.get(source, localName));
  else if (Reflect.get(source, localName) !== undefined)
    Reflect.set(target, localName, Reflect.get(source, localName));
  else Reflect.deleteProperty(target, localName);
}
