import type { Word } from "unbash";

/** The text that a word comes to, where that is known without running anything. */
export function literalValue(word: Word): string | undefined {
  const literal = (word.parts ?? []).every((part) => {
    if (part.type === "DoubleQuoted" || part.type === "LocaleString") {
      return part.parts.every(({ type }) => type === "Literal");
    }
    return part.type === "Literal" || part.type === "SingleQuoted" || part.type === "AnsiCQuoted";
  });
  return literal ? word.value : undefined;
}
