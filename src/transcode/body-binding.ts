import { isUtf8 } from "node:buffer";
import type { DescField, DescMessage, JsonReadOptions, Message, Registry } from "@bufbuild/protobuf";
import { create, mergeFromJsonString } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { enumNames } from "./enum-names.js";
import { foldNames } from "./fold-names.js";
import { httpBodyFields, isHttpBody } from "./http-body.js";
import { badRequest, HttpError } from "./http-error.js";
import { asFields, writeField } from "./message-field.js";

/** How the body of a binding becomes a request message. */
export interface BodyRules {
  readonly input: DescMessage;
  /** The whole message, one field of it, or nothing. */
  readonly target: "*" | DescField | undefined;
  readonly unknown: "ignore" | "refuse";
  readonly extraContentTypes: readonly string[];
  /** Whether members match fields whatever the case of their names. */
  readonly foldNames: boolean;
  /** Knows the messages that an Any may hold. */
  readonly registry: Registry;
}

/** A request message that was made of a body. */
export interface DecodedBody {
  readonly message: Message;
  /** The JSON that became one field of the message; undefined otherwise. */
  readonly members: unknown;
}

/** Reads the bodies of one binding. */
export interface BodyBinding {
  /** Throws 400 or 415 where a body that is not empty will be refused unread. */
  accept(contentType: string | undefined): void;
  /** Makes the request message of a body that is not empty. Throws a 400. */
  decode(body: Buffer, contentType: string | undefined): DecodedBody;
}

/** Compiles the binding of a body to the request message. */
export function createBodyBinding(rules: BodyRules): BodyBinding {
  const { target } = rules;
  if (target === undefined) return rules.unknown === "ignore" ? ignoring(rules.input) : refusing;
  const raw = target === "*" ? rules.input : target.fieldKind === "message" ? target.message : undefined;
  if (raw && isHttpBody(raw)) return rawBinding(rules, raw);
  const decode = target === "*" ? wholeDecoder(rules) : fieldDecoder(rules, target);
  return {
    accept: (contentType) => requireJson(contentType, rules.extraContentTypes),
    decode: (body) => {
      if (!isUtf8(body)) throw badRequest("the request body is not valid UTF-8");
      return decode(body.toString("utf8"));
    },
  };
}

function refuseBody(): never {
  throw badRequest("this method takes no request body");
}

const refusing: BodyBinding = { accept: refuseBody, decode: refuseBody };

const ignoring = (input: DescMessage): BodyBinding => ({
  accept: () => undefined,
  decode: () => ({ message: create(input), members: undefined }),
});

function rawBinding({ input, target }: BodyRules, raw: DescMessage): BodyBinding {
  return {
    accept: () => undefined,
    decode: (body, contentType) => {
      const fields = httpBodyFields(body, contentType);
      const message = create(input, target === "*" ? fields : {});
      if (target !== "*" && target) writeField(asFields(message), target, create(raw, fields));
      return { message, members: undefined };
    },
  };
}

function wholeDecoder(rules: BodyRules): (text: string) => DecodedBody {
  const options = readOptions(rules);
  return (text) => {
    const members = parseJson(text);
    const given = rules.foldNames ? printJson(foldNames(rules.input, members)) : text;
    return { message: merge(create(rules.input), rules.input, given, options), members: undefined };
  };
}

function fieldDecoder(rules: BodyRules, field: DescField): (text: string) => DecodedBody {
  const options = readOptions(rules);
  return (text) => {
    // Known to be one whole value before it is wrapped: it could otherwise set other fields.
    const parsed = parseJson(text);
    const fold = rules.foldNames && field.fieldKind === "message";
    const members = fold ? foldNames(field.message, parsed) : parsed;
    const wrapped = `{${JSON.stringify(field.jsonName)}:${fold ? printJson(members) : text}}`;
    return { message: merge(create(rules.input), rules.input, wrapped, options), members };
  };
}

const readOptions = ({ unknown, registry }: BodyRules): Partial<JsonReadOptions> => ({
  ignoreUnknownFields: unknown === "ignore",
  registry,
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = error instanceof Error ? /at position \d+/.exec(error.message) : null;
    throw badRequest(`the request body is not valid JSON${position ? `, ${position[0]}` : ""}`);
  }
}

/** What could be parsed is not always printable: the printer runs out of stack where the parser did not. */
function printJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    throw badRequest("the request body nests too deeply");
  }
}

function merge(
  message: Message,
  desc: DescMessage,
  text: string,
  options: Partial<JsonReadOptions>,
): Message {
  try {
    return mergeFromJsonString(desc, message, text, options);
  } catch (error) {
    throw badRequest(`the request body: ${explain(error, options.registry)}`);
  }
}

function explain(error: unknown, registry: Registry | undefined): string {
  const reason = withoutValues(error);
  const [, typeName = ""] = /^cannot decode enum (\S+) from JSON/.exec(reason) ?? [];
  const desc = registry?.getEnum(typeName);
  const names = desc ? enumNames(desc) : "";
  return names === "" ? reason : `${reason}; expected ${names}`;
}

/** The reason without the caller's strings: one in a wrong place may be a secret, and messages are logged. */
function withoutValues(error: unknown): string {
  const message = error instanceof Error ? error.message : "it is malformed";
  return message.replace(/(got|from JSON:) ".*"/s, "$1 a string").slice(0, 300);
}

function requireJson(contentType: string | undefined, extra: readonly string[]): void {
  const [type = "", ...parameters] = (contentType ?? "").toLowerCase().split(";");
  const media = type.trim();
  const isJson =
    media === "application/json" || /^[\w.+-]+\/[\w.+-]*\+json$/.test(media) || extra.includes(media);
  const charset = parameters
    .map((parameter) => parameter.trim())
    .find((parameter) => parameter.startsWith("charset="));
  const isUtf8Charset = charset === undefined || /^charset="?(utf-?8|us-ascii)"?$/.test(charset);
  if (isJson && isUtf8Charset) return;
  throw new HttpError(415, Code.InvalidArgument, "the content type of the request must be application/json");
}
