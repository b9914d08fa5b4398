import type { DescMessage } from "@bufbuild/protobuf";
import { badRequest } from "./http-error.js";
import type { LocalFields } from "./message-field.js";
import { asFields, isFieldSet, readField, readOneof } from "./message-field.js";
import type { Parameter } from "./parameter.js";
import { resolveParameter, setParameter } from "./parameter.js";

/** How the query of a binding becomes fields of a request message. */
export interface QueryRules {
  readonly input: DescMessage;
  /** Proto paths that the URL path sets. */
  readonly pathParameters: readonly string[];
  /** Whether the body takes every field that the path does not. */
  readonly bodyTakesAll: boolean;
  readonly unknown: "ignore" | "refuse";
}

/** Fills a message from a raw query. Throws a 400. */
export type QueryBinding = (message: LocalFields, query: string) => void;

// Names come from callers: what is remembered of them must end somewhere.
const maxRemembered = 256;

/** Compiles the binding of query parameters to the fields of a request. */
export function createQueryBinding(rules: QueryRules): QueryBinding {
  const remembered = new Map<string, Parameter | Refusal>();
  const resolve = (name: string): Parameter | Refusal => {
    const known = remembered.get(name);
    if (known) return known;
    const found = tryResolve(rules, name);
    if (remembered.size < maxRemembered) remembered.set(name, found);
    return found;
  };
  return (message, query) => {
    if (query === "") return;
    const set = new Set<string>();
    for (const pair of query.split("&")) {
      if (pair === "") continue;
      const equals = pair.indexOf("=");
      const name = decodeQuery(equals === -1 ? pair : pair.slice(0, equals));
      const parameter = resolve(name);
      if ("parse" in parameter) {
        bindParameter(
          { message, set, name, parameter },
          decodeQuery(equals === -1 ? "" : pair.slice(equals + 1)),
        );
      } else if (rules.unknown === "refuse" || parameter.always) {
        throw badRequest(`query parameter ${quote(name)}: ${parameter.reason}`);
      }
    }
  };
}

/** Why a name sets nothing, and whether that is refused even where unknown names are passed over. */
interface Refusal {
  readonly reason: string;
  readonly always: boolean;
}

function tryResolve(rules: QueryRules, name: string): Parameter | Refusal {
  try {
    const parameter = resolveParameter(rules.input, name);
    if (rules.pathParameters.some((path) => overlaps(path, parameter.path))) {
      return { reason: "the path sets it", always: true };
    }
    if (rules.bodyTakesAll) return { reason: "the body sets it", always: false };
    return parameter;
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error), always: false };
  }
}

const overlaps = (a: string, b: string): boolean => a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);

interface Binding {
  readonly message: LocalFields;
  readonly set: Set<string>;
  readonly name: string;
  readonly parameter: Parameter;
}

function bindParameter({ message, set, name, parameter }: Binding, text: string): void {
  refuseSecondValue(message, parameter, name);
  if (parameter.field.fieldKind !== "list" && set.has(parameter.path)) {
    throw badRequest(`query parameter ${quote(name)} is given twice`);
  }
  set.add(parameter.path);
  try {
    setParameter(message, parameter, parameter.parse(text));
  } catch (error) {
    throw badRequest(
      `query parameter ${quote(name)}: ${error instanceof Error ? error.message : "it is malformed"}`,
    );
  }
}

/** A field that the body has set, and another field of a oneof that is set, are not overwritten in silence. */
function refuseSecondValue(message: LocalFields, parameter: Parameter, name: string): void {
  let at = message;
  for (const field of [...parameter.parents, parameter.field]) {
    if (field.oneof) {
      const present = readOneof(at, field.oneof).case;
      if (present !== undefined && present !== field.localName) {
        throw badRequest(`query parameter ${quote(name)}: another field of ${field.oneof.name} is set`);
      }
    }
    if (field === parameter.field) {
      if (field.fieldKind !== "list" && isFieldSet(at, field)) {
        throw badRequest(`query parameter ${quote(name)} is given twice`);
      }
      return;
    }
    const next = readField(at, field);
    if (next === undefined) return;
    at = asFields(next);
  }
}

function decodeQuery(text: string): string {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw badRequest("the query has a malformed percent-escape");
  }
}

const quote = (name: string): string => JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
