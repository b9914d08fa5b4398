// Controls but for tab and line feed, and what reorders or hides text: people must see what they approve.
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text as people are to see it: what is invisible or reorders the text around it is spelled `\u{…}`. */
export function showText(text: string): string {
  return text.replace(invisible, (char) => (char === "\n" || char === "\t" ? char : spell(char)));
}

/** A file name on one line: as `showText`, and line feeds and tabs are spelled too. */
export function showName(name: string): string {
  return name.replace(invisible, spell);
}

/** The first `length` characters (UTF-16 units) of a text, or one less where that would split a pair. */
export function takeStart(text: string, length: number): string {
  if (text.length <= length) return text;
  return text.slice(0, isSplit(text, length) ? length - 1 : length);
}

/** The last `length` characters (UTF-16 units) of a text, or one less where that would split a pair. */
export function takeEnd(text: string, length: number): string {
  if (text.length <= length) return text;
  const from = text.length - length;
  return text.slice(isSplit(text, from) ? from + 1 : from);
}

function isSplit(text: string, index: number): boolean {
  const before = text.charCodeAt(index - 1);
  const after = text.charCodeAt(index);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}

function spell(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
