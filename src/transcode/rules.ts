import type { DescField, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "../../gen/google/api/annotations_pb.js";
import type { HttpRule } from "../../gen/google/api/http_pb.js";
import { success_status } from "../../gen/transcode/v1/options_pb.js";
import type { Parameter } from "./parameter.js";
import { resolveParameter } from "./parameter.js";
import type { PathTemplate } from "./path-template.js";
import { parsePathTemplate } from "./path-template.js";

/** One verb and path of a method. */
export interface Binding {
  /** In capitals; `*` for every verb that has no binding of its own. */
  readonly verb: string;
  /** As written in the rule. */
  readonly template: string;
  readonly method: DescMethod;
  /** `*`, the proto name of a field, or empty. */
  readonly body: string;
  /** Proto name of the field that is the reply, or empty for the whole message. */
  readonly responseBody: string;
  /** Proto paths of the fields that the path sets. */
  readonly pathParameters: readonly string[];
  /** Status of a successful unary reply. */
  readonly successStatus: number;
}

/** A binding with what its names stand for. */
export interface CompiledBinding extends Binding {
  readonly path: PathTemplate;
  readonly parameters: readonly Parameter[];
  readonly bodyTarget: "*" | DescField | undefined;
  readonly responseField: DescField | undefined;
}

/** Reads the google.api.http rules of a service. Throws an Error naming the method where one cannot be served. */
export function compileService(service: DescService): CompiledBinding[] {
  return service.methods.flatMap((method) => {
    if (!hasOption(method, http)) return [];
    const rule = getOption(method, http);
    if (rule.additionalBindings.some((additional) => additional.additionalBindings.length > 0)) {
      throw new Error(`${nameOf(method)}: additional bindings cannot have additional bindings`);
    }
    return [rule, ...rule.additionalBindings].map((one) => {
      try {
        return compileRule(method, one);
      } catch (error) {
        throw new Error(`${nameOf(method)}: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  });
}

/** `package.Service.Method`. */
export const nameOf = (method: DescMethod): string => `${method.parent.typeName}.${method.name}`;

function compileRule(method: DescMethod, rule: HttpRule): CompiledBinding {
  if (method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming") {
    throw new Error("a method that streams its requests cannot be bound");
  }
  const { verb, template } = patternOf(rule);
  if ((verb === "GET" || verb === "HEAD") && rule.body !== "") throw new Error(`${verb} cannot have a body`);
  const path = parsePathTemplate(template);
  const parameters = path.variables.map((variable) => resolvePathParameter(method.input, variable.path));
  return {
    verb,
    template,
    method,
    body: rule.body,
    responseBody: rule.responseBody,
    pathParameters: parameters.map((parameter) => parameter.path),
    successStatus: successStatusOf(method),
    path,
    parameters,
    bodyTarget: rule.body === "*" ? "*" : fieldNamed(method.input, rule.body, "body"),
    responseField: fieldNamed(method.output, rule.responseBody, "response_body"),
  };
}

function patternOf({ pattern }: HttpRule): { verb: string; template: string } {
  switch (pattern.case) {
    case "get":
    case "put":
    case "post":
    case "delete":
    case "patch":
      return { verb: pattern.case.toUpperCase(), template: pattern.value };
    case "custom": {
      const { kind, path } = pattern.value;
      if (!/^(\*|[A-Za-z-]+)$/.test(kind)) throw new Error(`${JSON.stringify(kind)} is not an HTTP verb`);
      return { verb: kind.toUpperCase(), template: path };
    }
    case undefined:
      throw new Error("its rule has no pattern");
    default:
      return pattern satisfies never;
  }
}

function resolvePathParameter(input: DescMessage, path: string): Parameter {
  const parameter = resolve(input, path);
  if (parameter.field.fieldKind === "list") throw new Error(`path variable ${path}: it is repeated`);
  return parameter;
}

function resolve(input: DescMessage, path: string): Parameter {
  try {
    return resolveParameter(input, path);
  } catch (error) {
    throw new Error(`path variable ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function fieldNamed(message: DescMessage, name: string, what: string): DescField | undefined {
  if (name === "") return undefined;
  const field = message.fields.find((candidate) => candidate.name === name);
  if (!field) throw new Error(`${what}: ${message.typeName} has no field ${JSON.stringify(name)}`);
  return field;
}

function successStatusOf(method: DescMethod): number {
  const status = getOption(method, success_status);
  if (status === 0) return 200;
  if (status < 200 || status > 299) throw new Error(`success_status ${status} is no status of success`);
  return status;
}
