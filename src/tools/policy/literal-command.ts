import { parse } from "unbash";

/** Characters that mean themselves wherever they stand in a word. */
const plain = "(?:[A-Za-z0-9_./:,%@+=^-]|(?<=[A-Za-z0-9^])~)+";
const quotable = "[A-Za-z0-9_./:,%@+=^~ -]*";
const word = `(?:${plain}|'${quotable}'|"${quotable}")`;
const line = new RegExp(`^${plain}(?: +${word})*$`);
const words = new RegExp(word, "g");

/**
 * The words of exactly one simple command, each written plainly or as a whole in quotes; undefined for
 * everything else, even where it would come to the same. Two readers have to agree: this narrow one and
 * the grammar of bash.
 */
export function literalCommand(text: string): readonly string[] | undefined {
  if (!line.test(text)) return undefined;
  const read = [...text.matchAll(words)].map(([found]) => found.replace(/^(['"])(.*)\1$/, "$2"));
  if (read[0]?.includes("=")) return undefined;
  const parsed = parsedWords(text);
  if (parsed === undefined || parsed.length !== read.length) return undefined;
  return parsed.every((value, index) => value === read[index]) ? read : undefined;
}

function parsedWords(text: string): readonly string[] | undefined {
  const script = parse(text);
  const [statement, ...others] = script.commands;
  if (statement === undefined || others.length > 0 || script.errors?.length) return undefined;
  const { command, background } = statement;
  if (command.type !== "Command" || background || command.prefix.length > 0) return undefined;
  const found = [command.name, ...command.suffix];
  const values = found.map((node) => (node?.type === "Word" ? node.value : undefined));
  return values.every((value) => value !== undefined) ? values : undefined;
}
