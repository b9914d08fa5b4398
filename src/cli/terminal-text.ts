/**
 * Text of a model or a tool as a terminal may show it: every control character but newline and tab is
 * made visible, so that no escape sequence reaches the terminal.
 */
export function terminalText(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(/\p{Cc}/gu, (character) => {
    if (character === "\n" || character === "\t") return character;
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
  });
}

/** The same on one line of at most `max` characters. */
export function oneLine(text: string, max = 200): string {
  const line = terminalText(text).replace(/\s+/g, " ").trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** The same, all of it, each line marked, so that none of them passes for a question. */
export function markedLines(text: string): string {
  const lines = terminalText(text).trimEnd().split("\n");
  return lines.map((line) => `  | ${line}\n`).join("");
}
