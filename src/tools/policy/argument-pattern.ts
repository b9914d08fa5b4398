import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Sighting } from "./judge-command.js";
import { matchStars } from "./stars.js";

/** What one argument of a call is to be. */
interface ArgumentPattern {
  readonly name: string;
  /** The value, cut at its stars. */
  readonly parts: readonly string[];
  /** Of each star, whether it was `**`. */
  readonly wide: readonly boolean[];
}

/** What some arguments of a call are to be, all of them. */
export type ArgumentPatterns = readonly ArgumentPattern[];

/**
 * Reads a pattern such as `method=GET url=https://example.org/**`: names and values with one blank between
 * pairs. `*` stands for text without `/`, `\`, `?`, `#`, `@` and `:`, `**` for any but blanks and control characters.
 */
export function parseArgumentPatterns(text: string): ArgumentPatterns | string {
  const pairs = text.split(" ").map((pair) => /^([\w.-]+)=(\P{C}+)$/u.exec(pair));
  const patterns = pairs.flatMap((found) => {
    const [, name, value] = found ?? [];
    if (name === undefined || value === undefined) return [];
    return [argumentPattern(name, value)];
  });
  if (patterns.length < pairs.length) return "an argument pattern is name=value with one blank between pairs";
  return patterns;
}

/** The pattern of one argument, whose value may hold blanks. */
export function argumentPattern(name: string, value: string): ArgumentPattern {
  const wide = (value.match(/\*+/g) ?? []).map((star) => star.length > 1);
  return { name, parts: value.split(/\*+/), wide };
}

/** Whether every argument is there and is what the pattern says. */
export function allowsArguments(patterns: ArgumentPatterns, input: JsonObject): boolean {
  return patterns.every(({ name, parts, wide }) => {
    const text = textOf(argumentOf(input, name));
    const filled = text === undefined ? undefined : matchStars(parts, text);
    return filled?.every((part, index) => (wide[index] ? /^[^\s\p{C}]*$/u : narrow).test(part)) ?? false;
  });
}

const narrow = /^[^\s\p{C}/\\?#@:]*$/u;

/** Whether a call could be what the pattern is about: in any case, and lists and objects may hold anything. */
export function sightArguments(patterns: ArgumentPatterns, input: JsonObject): Sighting {
  const sightings = patterns.map(({ name, parts }): Sighting => {
    const value = argumentOf(input, name);
    if (value === undefined || value === null) return "no";
    const text = textOf(value);
    if (text === undefined) return "unclear";
    return matchStars(
      parts.map((part) => part.toLowerCase()),
      text.toLowerCase(),
    )
      ? "yes"
      : "no";
  });
  if (sightings.includes("no")) return "no";
  return sightings.includes("unclear") ? "unclear" : "yes";
}

/** An own member of the arguments, whatever its name. */
export function argumentOf(input: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(input, name) ? input[name] : undefined;
}

function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}
