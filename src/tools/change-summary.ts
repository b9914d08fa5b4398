import { createHash } from "node:crypto";
import { showText, takeStart } from "./show-text.js";

const shownCharacters = 10_000;

/**
 * Text of a change as people are shown it, each line after `prefix`. Of a very long one the beginning is
 * shown, and the size and SHA-256 of the whole, so that a verdict still covers exactly this text.
 */
export function summarizeText(text: string, prefix: string): string {
  const shown = showText(takeStart(text, shownCharacters)).replaceAll("\n", `\n${prefix}`);
  if (text.length <= shownCharacters) return prefix + shown;
  const hash = createHash("sha256").update(text).digest("hex");
  return `${prefix}${shown}\n[… ${text.length} characters in all, SHA-256 ${hash}]`;
}
