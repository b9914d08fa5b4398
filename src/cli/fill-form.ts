import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { oneLine } from "./terminal-text.js";

/** Asks for one line; empty where nothing was typed. */
export type Ask = (question: string) => Promise<string>;

/**
 * Asks a person for what an elicitation wants, one property after another, each until it has its type: the answer,
 * or undefined where the person declines, by typing nothing for what is required. Without a schema it asks for
 * consent. The bounds of numbers and texts are left to the server.
 */
export async function fillForm(schema: JsonObject | undefined, ask: Ask): Promise<JsonObject | undefined> {
  if (schema === undefined) return /^y(es)?$/i.test(await ask("agree? [y/N] ")) ? {} : undefined;
  const required = Array.isArray(schema.required) ? schema.required : [];
  const answer: JsonObject = {};
  for (const [name, rule] of Object.entries(asObject(schema.properties))) {
    const isRequired = required.includes(name);
    const value = await askProperty(name, { ...asObject(rule), isRequired }, ask);
    if (value !== undefined) Object.defineProperty(answer, name, { value, enumerable: true });
    else if (isRequired) return undefined;
  }
  return answer;
}

async function askProperty(name: string, rule: JsonObject, ask: Ask): Promise<JsonValue | undefined> {
  const title = oneLine(typeof rule.title === "string" ? rule.title : name);
  const kind = Array.isArray(rule.enum) ? rule.enum.join(", ") : String(rule.type);
  const empty = rule.isRequired ? "nothing declines" : "or nothing";
  for (;;) {
    const line = (await ask(`  ${title} (${oneLine(kind)}; ${empty}): `)).trim();
    if (line === "") return undefined;
    const value = readValue(rule, line);
    if (value !== undefined) return value;
  }
}

function readValue(rule: JsonObject, line: string): JsonValue | undefined {
  switch (rule.type) {
    case "integer":
    case "number": {
      const number = Number(line);
      return Number.isFinite(number) && (rule.type === "number" || Number.isInteger(number))
        ? number
        : undefined;
    }
    case "boolean":
      return /^(y|yes|true)$/i.test(line) ? true : /^(n|no|false)$/i.test(line) ? false : undefined;
    default:
      return Array.isArray(rule.enum) && !rule.enum.includes(line) ? undefined : line;
  }
}

function asObject(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
