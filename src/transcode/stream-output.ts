import type { OutgoingHttpHeaders } from "node:http";
import type { DescField } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { StreamFormat } from "./accept.js";
import type { Dialect, StreamErrorFrame } from "./dialect.js";
import type { RawBody } from "./http-body.js";
import { isHttpBody, toRawBody } from "./http-body.js";
import type { JsonEncoder } from "./json-encoder.js";
import { LargeFrames } from "./large-frames.js";
import { asFields, readField, toMessage } from "./message-field.js";
import type { CompiledBinding } from "./rules.js";
import type { StreamRules } from "./sse-frame.js";
import { sseErrorFrame, sseFrame, ssePing } from "./sse-frame.js";

/** How the messages of a stream, and its failure, become bytes. */
export interface StreamOutput {
  readonly contentType: string;
  /** Prints one item. */
  frame(item: unknown): string | Uint8Array;
  /** The last piece of a stream that failed; undefined where its form has no place for one. */
  failure(error: ConnectError, requestId: string): string | undefined;
  /** What is sent when there was nothing else for a while. */
  readonly ping: string | undefined;
}

/** The ways in which a stream can be written, one for each format. */
export interface StreamOutputs {
  /** Whether the headers depend on the first message, and so wait for it. */
  readonly waitForFirst: boolean;
  /** `first` is undefined where the stream is empty or has not begun. */
  of(format: StreamFormat, first: unknown): StreamOutput;
}

/** Compiles every form that a method's stream can be asked for. */
export function createStreamOutputs(
  binding: CompiledBinding,
  rules: StreamRules,
  options: { readonly encoder: JsonEncoder; readonly dialect: Dialect },
): StreamOutputs {
  const { responseField: field } = binding;
  const { output } = binding.method;
  const bodyValue = (message: object): unknown => (field ? readField(asFields(message), field) : message);
  if (field ? field.fieldKind === "message" && isHttpBody(field.message) : isHttpBody(output)) {
    const bodyOf = (item: unknown): RawBody => toRawBody(bodyValue(toMessage(output, item)));
    return {
      waitForFirst: true,
      of: (_format, first) => rawOutput(first === undefined ? undefined : bodyOf(first), bodyOf),
    };
  }
  const printBody = field ? options.encoder.field(field) : options.encoder.message(output);
  const printers = new Map<DescField, (value: unknown) => string>();
  const print = (message: object): string => {
    const data = rules.dataOf?.(asFields(message));
    if (!data) return printBody(bodyValue(message));
    const known = printers.get(data.field) ?? options.encoder.field(data.field);
    printers.set(data.field, known);
    return known(data.value);
  };
  const failureOf = (error: ConnectError, requestId: string): StreamErrorFrame =>
    options.dialect.streamError?.(error, requestId) ?? {
      event: "error",
      data: options.dialect.error(error, requestId).body,
    };
  const large = new LargeFrames();
  const printSse = (message: object): string => {
    const fields = asFields(message);
    return sseFrame(rules.idOf(fields), rules.eventOf(fields), print(message));
  };
  const sse: StreamOutput = {
    contentType: "text/event-stream",
    ping: ssePing,
    frame: (item) => {
      const message = toMessage(output, item);
      const body = field && bodyValue(message);
      // A message made for one reader is nobody else's; the one within it may be.
      return isObject(body) ? large.of(body, () => printSse(message)) : printSse(message);
    },
    failure: (error, requestId) => sseErrorFrame(failureOf(error, requestId)),
  };
  const ndjson: StreamOutput = {
    contentType: "application/x-ndjson",
    ping: undefined,
    frame: (item) => `${print(toMessage(output, item))}\n`,
    failure: (error, requestId) => `${JSON.stringify(asErrorLine(failureOf(error, requestId).data))}\n`,
  };
  return { waitForFirst: false, of: (format) => (format === "sse" ? sse : ndjson) };
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** An error that a reader of lines can tell from a message. */
function asErrorLine(data: unknown): unknown {
  return Object.hasOwn(asFields(data), "error") ? data : { error: data };
}

function rawOutput(first: RawBody | undefined, bodyOf: (item: unknown) => RawBody): StreamOutput {
  return {
    contentType: first?.contentType ?? "application/octet-stream",
    ping: undefined,
    frame: (item) => bodyOf(item).data,
    failure: () => undefined,
  };
}

/** Headers that keep proxies from holding a stream back. */
export function streamHeaders(output: StreamOutput): OutgoingHttpHeaders {
  return {
    "content-type": output.contentType,
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
  };
}
