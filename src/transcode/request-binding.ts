import type { DescMessage, Message } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { BodyBinding, DecodedBody } from "./body-binding.js";
import { readBody } from "./body-reader.js";
import { badRequest } from "./http-error.js";
import type { HttpRequest } from "./http-exchange.js";
import { announcesBody, headerValue } from "./http-exchange.js";
import { asFields } from "./message-field.js";
import type { Parameter } from "./parameter.js";
import { setParameter } from "./parameter.js";
import { decodeSegment, decodeSegments } from "./path-codec.js";
import type { PathTemplate, TemplateVariable } from "./path-template.js";
import type { QueryBinding } from "./query-binding.js";
import type { MaskFiller } from "./update-mask.js";

/** How a request of a binding becomes a message. */
export interface RequestRules {
  readonly input: DescMessage;
  readonly template: PathTemplate;
  readonly pathParameters: readonly Parameter[];
  readonly body: BodyBinding;
  readonly query: QueryBinding;
  readonly fillMask: MaskFiller | undefined;
  readonly maxBodyBytes: number;
}

/** The parts of a request that fields are bound to. */
export interface RequestParts {
  readonly request: HttpRequest;
  /** Raw segments of the path, without its `:verb`. */
  readonly segments: readonly string[];
  /** Raw, without its question mark. */
  readonly query: string;
}

/** Makes the request message: first the body, then the path over it, then the query. Throws 400, 413 and 415. */
export type RequestBinding = (parts: RequestParts) => Message | Promise<Message>;

/** Compiles the binding of a request. It reads the body only where one is announced, and is synchronous otherwise. */
export function createRequestBinding(rules: RequestRules): RequestBinding {
  const variables = rules.template.variables.map((variable, index) => ({
    ...variable,
    parameter: rules.pathParameters[index],
    multiple: capturesSeveral(rules.template, variable),
  }));
  const finish = ({ message, members }: DecodedBody, { segments, query }: RequestParts): Message => {
    const fields = asFields(message);
    for (const { parameter, start, end, multiple } of variables) {
      if (!parameter) continue;
      const text = multiple
        ? decodeSegments(segments.slice(start, end === rules.template.segments.length ? undefined : end))
        : decodeSegment(segments[start] ?? "");
      setParameter(fields, parameter, parsePath(parameter, text));
    }
    rules.query(fields, query);
    if (members !== undefined) rules.fillMask?.(fields, members);
    return message;
  };
  return (parts) => {
    if (!announcesBody(parts.request)) return finish(emptyBody(rules.input), parts);
    return readMessage(rules, parts.request).then((body) => finish(body, parts));
  };
}

const emptyBody = (input: DescMessage): DecodedBody => ({ message: create(input), members: undefined });

function capturesSeveral({ segments }: PathTemplate, { start, end }: TemplateVariable): boolean {
  return end - start > 1 || segments[start]?.kind === "rest";
}

function parsePath({ path, parse }: Parameter, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw badRequest(`${path} in the path: ${error instanceof Error ? error.message : "it is malformed"}`);
  }
}

async function readMessage(
  { input, body, maxBodyBytes }: RequestRules,
  request: HttpRequest,
): Promise<DecodedBody> {
  const contentType = headerValue(request.headers, "content-type");
  if (request.headers["content-length"] !== undefined) body.accept(contentType);
  const bytes = await readBody(request, maxBodyBytes);
  if (bytes.length === 0) return emptyBody(input);
  body.accept(contentType);
  return body.decode(bytes, contentType);
}
