import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import { create, fromJson } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { enumNames } from "./enum-names.js";
import type { LocalFields } from "./message-field.js";
import { asFields, enterField, findField, isBareWrapper, writeField } from "./message-field.js";
import { parseScalar } from "./scalar-text.js";

type MessageField = DescField & { fieldKind: "message" };

/** A field that a path variable or a query parameter can set: how to reach it, and how to read its text. */
export interface Parameter {
  /** Proto names joined by dots. */
  readonly path: string;
  readonly parents: readonly MessageField[];
  readonly field: DescField;
  /** Throws an Error that says what was expected. */
  readonly parse: (text: string) => unknown;
}

const maxDepth = 32;

/** Finds the field that a dotted path names, by proto or JSON names. Throws an Error saying why there is none. */
export function resolveParameter(message: DescMessage, path: string): Parameter {
  const names = path.split(".");
  if (names.length > maxDepth) throw new Error("it is nested too deeply");
  const parents: MessageField[] = [];
  let at = message;
  for (const [index, name] of names.entries()) {
    const field = findField(at, name);
    if (!field) throw new Error(`${at.typeName} has no field ${JSON.stringify(name)}`);
    if (index === names.length - 1) {
      return {
        path: [...parents, field].map(({ name }) => name).join("."),
        parents,
        field,
        parse: parserOf(field),
      };
    }
    if (field.fieldKind !== "message" || textParserOf(field.message)) {
      throw new Error(`${field.name} has no fields of its own`);
    }
    parents.push(field);
    at = field.message;
  }
  throw new Error("it is empty");
}

/** Sets the field, or appends to it where it is repeated. */
export function setParameter(message: LocalFields, { parents, field }: Parameter, value: unknown): void {
  let at = message;
  for (const parent of parents) at = enterField(at, parent);
  const list = at[field.localName];
  if (field.fieldKind !== "list") writeField(at, field, value);
  else if (Array.isArray(list)) list.push(value);
}

function parserOf(field: DescField): (text: string) => unknown {
  switch (field.fieldKind) {
    case "scalar":
      return scalarParserOf(field.scalar, field.longAsString);
    case "enum":
      return (text) => parseEnum(field.enum, text);
    case "map":
      throw new Error(`${field.name} is a map, which text cannot give`);
    case "list":
      switch (field.listKind) {
        case "scalar":
          return scalarParserOf(field.scalar, field.longAsString);
        case "enum":
          return (text) => parseEnum(field.enum, text);
        case "message":
          return messageParserOf(field, field.message);
        default:
          return field satisfies never;
      }
    case "message":
      return messageParserOf(field, field.message);
    default:
      return field satisfies never;
  }
}

function scalarParserOf(
  type: Parameters<typeof parseScalar>[0],
  longAsString: boolean,
): (text: string) => unknown {
  return (text) => {
    const value = parseScalar(type, text);
    return longAsString && typeof value === "bigint" ? value.toString() : value;
  };
}

function parseEnum(desc: DescEnum, text: string): number {
  const named = desc.values.find((value) => value.name === text);
  if (named) return named.number;
  const number = /^-?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  const known = desc.open ? (number | 0) === number : desc.value[number] !== undefined;
  if (!known) {
    const names = enumNames(desc);
    throw new Error(`expected a value of ${desc.typeName}${names && `: ${names}`}`);
  }
  return number;
}

function messageParserOf(field: DescField, message: DescMessage): (text: string) => unknown {
  const parse = textParserOf(message);
  if (!parse) throw new Error(`${field.name} is a message, which text cannot give`);
  return isBareWrapper(field) ? (text) => asFields(parse(text)).value : parse;
}

/** The messages that have a form of plain text. */
function textParserOf(message: DescMessage): ((text: string) => unknown) | undefined {
  if (isWrapperDesc(message)) {
    const [field] = message.fields;
    const parse = scalarParserOf(field.scalar, field.longAsString);
    return (text) => create(message, { value: parse(text) });
  }
  switch (message.typeName) {
    case "google.protobuf.Timestamp":
      return (text) => fromText(message, text, "expected an RFC 3339 time, like 2026-01-31T12:00:00Z");
    case "google.protobuf.Duration":
      return (text) => {
        // fromJson lets pass what follows the `s`.
        if (!/^-?\d{1,12}(\.\d{1,9})?s$/.test(text)) throw new Error("expected a duration, like 1.5s");
        return fromText(message, text, "expected a duration, like 1.5s");
      };
    case "google.protobuf.FieldMask":
      return (text) => create(message, { paths: text === "" ? [] : text.split(",").map(toSnakeCase) });
    default:
      return undefined;
  }
}

function fromText(message: DescMessage, text: string, expected: string): unknown {
  try {
    return fromJson(message, text);
  } catch {
    throw new Error(expected);
  }
}

const toSnakeCase = (path: string): string => path.replace(/[A-Z]/g, (char) => `_${char.toLowerCase()}`);
