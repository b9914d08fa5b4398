import type { DescField, DescMessage, Message, Registry } from "@bufbuild/protobuf";
import { getOption, ScalarType, toJson } from "@bufbuild/protobuf";
import { hasCustomJsonRepresentation, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { print_empty } from "../../gen/transcode/v1/options_pb.js";
import type { JsonPrinter } from "./json-scalar.js";
import { enumPrinter, quoteJson, scalarPrinter } from "./json-scalar.js";
import { createTimestampPrinter } from "./json-timestamp.js";
import type { LocalFields } from "./message-field.js";
import {
  asFields,
  implicitPresence,
  isBareWrapper,
  isMessageOf,
  isPlainStruct,
  readOneof,
  requiredPresence,
} from "./message-field.js";

/** How messages are written as JSON. */
export interface JsonEncoderOptions {
  readonly fieldNames: "proto" | "json";
  readonly printDefaults: boolean;
  /** Knows the messages that an Any may hold. */
  readonly registry?: Registry;
}

/** Adds a field to an object that is being printed; `out` begins with the brace. */
type FieldWriter = (message: LocalFields, out: string) => string;

/**
 * Prints messages as protobuf JSON, the same text as toJsonString of protobuf-es for every valid message,
 * by closures compiled once for each descriptor. In a Struct, NaN becomes null.
 */
export class JsonEncoder {
  private readonly compiled = new Map<DescMessage, JsonPrinter>();
  private readonly printTimestamp = createTimestampPrinter();

  constructor(private readonly options: JsonEncoderOptions) {}

  /** The printer of a message. */
  message(desc: DescMessage): JsonPrinter {
    const known = this.compiled.get(desc);
    if (known) return known;
    if (hasCustomJsonRepresentation(desc)) {
      const print = this.wellKnown(desc);
      this.compiled.set(desc, print);
      return print;
    }
    const writers: FieldWriter[] = [];
    const print: JsonPrinter = (value) => {
      const message = asFields(value);
      let out = "{";
      for (const write of writers) out = write(message, out);
      return `${out}}`;
    };
    // Before its fields are compiled: a message may hold itself.
    this.compiled.set(desc, print);
    writers.push(...this.writers(desc));
    return print;
  }

  /** The printer of a field's value in its local form. What is not set prints as null. */
  field(field: DescField): JsonPrinter {
    const print = this.value(field);
    return (value) => (value === undefined ? "null" : print(value));
  }

  private value(field: DescField): JsonPrinter {
    switch (field.fieldKind) {
      case "list":
        return listPrinter(this.single(field));
      case "map":
        return mapPrinter(this.single(field));
      default:
        return this.single(field);
    }
  }

  /** The printer of a single value, of an item of a list or of a value of a map. */
  private single(field: DescField): JsonPrinter {
    if (field.message) {
      if (isPlainStruct(field)) return JSON.stringify;
      const [scalar] = field.message.fields;
      if (isBareWrapper(field) && scalar?.scalar) return scalarPrinter(scalar.scalar);
      return this.message(field.message);
    }
    return field.enum ? enumPrinter(field.enum) : scalarPrinter(field.scalar);
  }

  private wellKnown(desc: DescMessage): JsonPrinter {
    if (desc.typeName === "google.protobuf.Timestamp") return this.printTimestamp;
    if (isWrapperDesc(desc)) {
      const print = scalarPrinter(desc.fields[0].scalar);
      return (value) => print(asFields(value).value);
    }
    const { fieldNames, printDefaults, registry } = this.options;
    const options = {
      useProtoFieldName: fieldNames === "proto",
      alwaysEmitImplicit: printDefaults,
      registry,
    };
    return (value) => JSON.stringify(toJson(desc, requireMessage(desc, value), options));
  }

  /** In the order of field numbers. Neighbours of one oneof share a writer, which looks up the one that is set. */
  private writers(desc: DescMessage): FieldWriter[] {
    const writers: FieldWriter[] = [];
    let group: DescField[] = [];
    for (const field of desc.fields.toSorted((a, b) => a.number - b.number)) {
      if (group.length > 0 && field.oneof !== group[0]?.oneof) {
        writers.push(this.oneofWriter(group));
        group = [];
      }
      if (field.oneof) group.push(field);
      else writers.push(this.writer(field));
    }
    if (group.length > 0) writers.push(this.oneofWriter(group));
    return writers;
  }

  private oneofWriter(fields: readonly DescField[]): FieldWriter {
    const [first] = fields;
    const oneof = first?.oneof;
    if (!oneof) throw new Error("a group of oneof fields is empty");
    const cases = new Map(fields.map((field) => [field.localName, this.keyed(field)]));
    return (message, out) => {
      const { case: name, value } = readOneof(message, oneof);
      const add = name === undefined ? undefined : cases.get(name);
      return add ? add(out, value) : out;
    };
  }

  private writer(field: DescField): FieldWriter {
    const { localName } = field;
    const add = this.keyed(field);
    if (field.fieldKind === "list" || field.fieldKind === "map" || field.presence === implicitPresence) {
      const always = this.options.printDefaults || getOption(field, print_empty);
      const isZero = always ? () => false : zeroTest(field);
      return (message, out) => {
        const value = message[localName];
        return isZero(value) ? out : add(out, value);
      };
    }
    const required = field.presence === requiredPresence;
    return (message, out) => {
      const value = message[localName];
      // Defaults of proto2 sit on the prototype.
      if (value !== undefined && Object.hasOwn(message, localName)) return add(out, value);
      if (required) throw new Error(`cannot print ${field}: it is required and not set`);
      return out;
    };
  }

  private keyed(field: DescField): (out: string, value: unknown) => string {
    const key = quoteJson(this.options.fieldNames === "proto" ? field.name : field.jsonName);
    const first = `{${key}:`;
    const next = `,${key}:`;
    const print = this.value(field);
    return (out, value) => (out.length === 1 ? first : out + next) + print(value);
  }
}

function requireMessage(desc: DescMessage, value: unknown): Message {
  const fields = asFields(value);
  if (!isMessageOf(desc, fields)) throw new Error(`cannot print a message: expected ${desc.typeName}`);
  return fields;
}

function zeroTest(field: DescField): (value: unknown) => boolean {
  if (field.fieldKind === "list") return (value) => Array.isArray(value) && value.length === 0;
  if (field.fieldKind === "map") return (value) => Object.keys(asFields(value)).length === 0;
  if (field.enum) {
    const zero = field.enum.values[0]?.number;
    return (value) => value === zero;
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return (value) => value === "";
    case ScalarType.BOOL:
      return (value) => value === false;
    case ScalarType.BYTES:
      return (value) => value instanceof Uint8Array && value.length === 0;
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      // Negative zero is printed.
      return (value) => Object.is(value, 0);
    default:
      return (value) => value === 0 || value === 0n || value === "0";
  }
}

function listPrinter(print: JsonPrinter): JsonPrinter {
  return (value) => {
    if (!Array.isArray(value)) throw new Error("cannot print a message: expected a list");
    let out = "[";
    for (const item of value) out += out.length === 1 ? print(item) : `,${print(item)}`;
    return `${out}]`;
  };
}

function mapPrinter(print: JsonPrinter): JsonPrinter {
  return (value) => {
    let out = "{";
    for (const [key, item] of Object.entries(asFields(value))) {
      out += `${out.length === 1 ? "" : ","}${quoteJson(key)}:${print(item)}`;
    }
    return `${out}}`;
  };
}
