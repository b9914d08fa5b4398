import type { DescField, DescMessage, DescMethod, DescOneof } from "@bufbuild/protobuf";
import { getOption, hasOption, ScalarType } from "@bufbuild/protobuf";
import type { StreamOptions } from "../../gen/transcode/v1/options_pb.js";
import { stream } from "../../gen/transcode/v1/options_pb.js";
import type { StreamErrorFrame } from "./dialect.js";
import type { LocalFields } from "./message-field.js";
import { asFields, findField, readField, readOneof } from "./message-field.js";
import type { Parameter } from "./parameter.js";
import { resolveParameter } from "./parameter.js";

/** What keeps a silent connection from being closed; readers skip it. */
export const ssePing = ": ping\n\n";

/** What the options of a method say of its stream. */
export interface StreamRules {
  /** The `id:` of a message, empty for none. */
  readonly idOf: (message: LocalFields) => string;
  /** The `event:` of a message, empty for none. */
  readonly eventOf: (message: LocalFields) => string;
  /** The request field that a `Last-Event-ID` fills. */
  readonly resume: Parameter | undefined;
  /** The field of a message that alone is its data, and its value; undefined where the whole message is. */
  readonly dataOf: ((message: LocalFields) => StreamData | undefined) | undefined;
}

/** The set field of a oneof. */
interface StreamData {
  readonly field: DescField;
  readonly value: unknown;
}

/** Reads the transcode.v1.stream option of a method. Throws an Error where a path leads nowhere. */
export function readStreamRules(method: DescMethod): StreamRules {
  const options: Pick<StreamOptions, "id" | "event" | "resume" | "data"> = hasOption(method, stream)
    ? getOption(method, stream)
    : { id: "", event: "", resume: "", data: "" };
  const resume = options.resume === "" ? undefined : resolveParameter(method.input, options.resume);
  if (resume && !isInteger(resume.field))
    throw new Error(`stream.resume: ${options.resume} is not an integer`);
  return {
    idOf: options.id === "" ? () => "" : compileId(method.output, options.id),
    eventOf: options.event === "" ? () => "" : compileEvent(method.output, options.event),
    resume,
    dataOf: options.data === "" ? undefined : compileData(method.output, options.data),
  };
}

/** What some readers take for the end of a line, though it is none of a stream's. JSON has it in strings only. */
const foreignLineEnd = /[\u0085\u2028\u2029]/g;
const toEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** One server-sent event. The data is JSON and so has no line breaks. */
export function sseFrame(id: string, event: string, json: string): string {
  const data = json.replace(foreignLineEnd, toEscape);
  const head = id === "" ? "" : `id: ${id}\n`;
  return event === "" ? `${head}data: ${data}\n\n` : `${head}event: ${event}\ndata: ${data}\n\n`;
}

/** The last server-sent event of a stream that failed. A name with a line break is dropped. */
export function sseErrorFrame({ event, data }: StreamErrorFrame): string {
  const safe = event !== undefined && /^[^\r\n\0]*$/.test(event);
  return sseFrame("", safe ? event : "", JSON.stringify(data) ?? "null");
}

function compileId(output: DescMessage, path: string): (message: LocalFields) => string {
  const { parents, field } = resolveParameter(output, path);
  if (!isInteger(field)) throw new Error(`stream.id: ${path} is not an integer`);
  const enter = compileParents(parents);
  return (message) => {
    const parent = enter(message);
    const value = parent && readField(parent, field);
    return value === undefined || Number(value) === 0 ? "" : String(value);
  };
}

function compileEvent(output: DescMessage, path: string): (message: LocalFields) => string {
  const { oneof, enter } = resolveOneof(output, path, "event");
  const labels = eventNames(oneof);
  return (message) => {
    const parent = enter(message);
    const name = parent && readOneof(parent, oneof).case;
    return name === undefined ? "" : (labels.get(name) ?? "");
  };
}

function compileData(output: DescMessage, path: string): (message: LocalFields) => StreamData | undefined {
  const { oneof, enter } = resolveOneof(output, path, "data");
  const fields = new Map(oneof.fields.map((field) => [field.localName, field]));
  return (message) => {
    const parent = enter(message);
    const set = parent && readOneof(parent, oneof);
    const field = set?.case === undefined ? undefined : fields.get(set.case);
    return field && { field, value: set?.value };
  };
}

interface ResolvedOneof {
  readonly oneof: DescOneof;
  /** The message that holds it. */
  readonly enter: (message: LocalFields) => LocalFields | undefined;
}

function resolveOneof(output: DescMessage, path: string, option: string): ResolvedOneof {
  const names = path.split(".");
  const last = names.pop() ?? "";
  const parents: DescField[] = [];
  let at = output;
  for (const name of names) {
    const field = findField(at, name);
    if (field?.fieldKind !== "message")
      throw new Error(`stream.${option}: ${at.typeName} has no message ${name}`);
    parents.push(field);
    at = field.message;
  }
  const oneof = at.oneofs.find((candidate) => candidate.name === last);
  if (!oneof) throw new Error(`stream.${option}: ${at.typeName} has no oneof ${JSON.stringify(last)}`);
  return { oneof, enter: compileParents(parents) };
}

/** By local name. Proto names are identifiers, so they cannot break a line. */
function eventNames(oneof: DescOneof): ReadonlyMap<string, string> {
  return new Map(oneof.fields.map((field) => [field.localName, field.name]));
}

function compileParents(parents: readonly DescField[]): (message: LocalFields) => LocalFields | undefined {
  return (message) => {
    let at = message;
    for (const parent of parents) {
      const next = readField(at, parent);
      if (next === undefined) return undefined;
      at = asFields(next);
    }
    return at;
  };
}

function isInteger(field: DescField): boolean {
  if (field.fieldKind !== "scalar") return false;
  const { scalar } = field;
  const others = [ScalarType.STRING, ScalarType.BYTES, ScalarType.BOOL, ScalarType.FLOAT, ScalarType.DOUBLE];
  return !others.some((other) => other === scalar);
}
