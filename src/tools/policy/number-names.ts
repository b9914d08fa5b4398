import type { Word, WordPart } from "unbash";

/** What a word comes to as arithmetic; `placed` stands where an expansion gives a number. */
const placed = "\0";
const token = /\s+|\d{1,3}#(?:\0|[\w@]+)|0[xX][\da-fA-F]+|\d+|([A-Za-z_]\w*)|\0|[-+*/%<>=!&|^~?:,()[\]]/y;
const set = /([A-Za-z_]\w*)\s*(?:<<|>>|[-+*/%&|^])?=(?!=)/g;

/**
 * The variables of a line that bash reads as arithmetic. It reads their values so too, and those of what these name,
 * and runs what stands in the subscripts: harmless is only what is set to plain numbers and to nothing else.
 */
export class NumberNames {
  private readonly read = new Set<string>();
  private readonly numbers = new Set<string>();
  private readonly others = new Set<string>();

  /** A variable that is read as arithmetic and is not known to be a number. */
  unknown(): string | undefined {
    return [...this.read].find((name) => this.others.has(name) || !this.numbers.has(name));
  }

  /** The line sets a variable: to this word, to a number, or, where nothing is given, to anything. */
  write(name: string, value?: Word | "number"): void {
    const isNumber = value === "number" || (value !== undefined && isPlainNumber(value));
    (isNumber ? this.numbers : this.others).add(name);
  }

  /** Takes a text of arithmetic, already without quotes. False where it may hold more than numbers and names. */
  takeText(text: string): boolean {
    for (const [, name] of text.matchAll(set)) if (name !== undefined) this.write(name, "number");
    const names = namesIn(text);
    for (const name of names ?? []) this.read.add(name);
    return names !== undefined;
  }

  /** Takes a word that bash reads as arithmetic. */
  takeWord({ value, parts }: Pick<Word, "value" | "parts">): boolean {
    const text = parts === undefined ? value : this.textOf(parts);
    return text !== undefined && !/\w\0|\0[\w[\0]/.test(text) && this.takeText(text);
  }

  private textOf(parts: readonly WordPart[]): string | undefined {
    const texts = parts.map((part) => this.textOfPart(part));
    return texts.some((text) => text === undefined) ? undefined : texts.join("");
  }

  private textOfPart(part: WordPart): string | undefined {
    switch (part.type) {
      case "Literal":
      case "SingleQuoted":
      case "AnsiCQuoted":
        return part.value.includes(placed) ? undefined : part.value;
      case "Glob":
        return part.text;
      case "DoubleQuoted":
      case "LocaleString":
        return this.textOf(part.parts);
      case "ArithmeticExpansion":
        return placed;
      case "SimpleExpansion":
        return this.readsNumber(part.text.slice(1)) ? placed : undefined;
      case "ParameterExpansion": {
        if (part.prefix === "#") return placed;
        const { prefix, index, operation, parameter } = part;
        const isWhole = index === undefined || /^(\d+|[@*])$/.test(index.text);
        const isCut = operation === undefined || operation.type === "Remove" || operation.type === "Slice";
        const isElse =
          operation?.type === "Default" &&
          /^:?-$/.test(operation.operator) &&
          isPlainNumber(operation.operand);
        if (prefix !== undefined || !isWhole || !(isCut || isElse)) return undefined;
        return this.readsNumber(parameter) ? placed : undefined;
      }
      default:
        return undefined;
    }
  }

  private readsNumber(parameter: string): boolean {
    if (/^[#?$!]$/.test(parameter)) return true;
    if (!/^[A-Za-z_]\w*$/.test(parameter)) return false;
    this.read.add(parameter);
    return true;
  }
}

/** Whether a word is a number whatever is set: digits, a length, a status, a range, the result of arithmetic. */
export function isPlainNumber({ value, parts = [] }: Word): boolean {
  const [part, ...more] = parts;
  if (part === undefined) return /^(-?\d+)?$/.test(value);
  if (more.length > 0) return false;
  switch (part.type) {
    case "SingleQuoted":
      return /^-?\d+$/.test(part.value);
    case "DoubleQuoted":
      return part.parts.length === 1 && isPlainNumber({ ...asWord, value, parts: part.parts });
    case "Literal":
      return /^-?\d+$/.test(part.value);
    case "ArithmeticExpansion":
      return true;
    case "SimpleExpansion":
      return /^\$[#?$!]$/.test(part.text);
    case "ParameterExpansion":
      return part.prefix === "#" || (/^[#?$!]$/.test(part.parameter) && part.operation === undefined);
    case "BraceExpansion":
      return /^\{-?\d+\.\.-?\d+(\.\.-?\d+)?\}$/.test(part.text);
    default:
      return false;
  }
}

const asWord = { type: "Word", text: "", pos: 0, end: 0 } as const;

/** The variables in a text of arithmetic; undefined where it holds anything but numbers, names and operators. */
function namesIn(text: string): string[] | undefined {
  const names: string[] = [];
  for (let at = 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null) return undefined;
    if (found[1] !== undefined) names.push(found[1]);
  }
  return names;
}
