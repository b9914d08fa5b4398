import { setImmediate } from "node:timers/promises";
import { takeStart } from "../show-text.js";
import { htmlTokens } from "./html-tokens.js";
import { TextLayout } from "./text-layout.js";

/** How HTML is to be read. */
export interface HtmlReading {
  readonly format: "text" | "markdown";
  /** What links are relative to. */
  readonly base: URL;
  /** Characters (UTF-16 units) of the result at most; reading ends there. */
  readonly limit: number;
}

/** Tokens between two pauses: other work of the server goes on meanwhile. */
const tokensPerTurn = 10_000;

/** The readable text of an HTML document, in time linear in its length. */
export async function readHtml(
  html: string,
  { format, base, limit }: HtmlReading,
  signal: AbortSignal,
): Promise<{ text: string; cut: boolean }> {
  const layout = new TextLayout(format === "markdown", base);
  let count = 0;
  for (const token of htmlTokens(html)) {
    layout.add(token);
    // Blank ends may yet be trimmed, so a little more is read.
    if (layout.length > limit + 100) break;
    count += 1;
    if (count % tokensPerTurn !== 0) continue;
    await setImmediate();
    signal.throwIfAborted();
  }
  const text = layout.finish();
  return { text: takeStart(text, limit), cut: text.length > limit };
}
