/** A piece of an HTML document. */
export type HtmlToken =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "open"; readonly name: string; readonly attributes: ReadonlyMap<string, string> }
  | { readonly kind: "close"; readonly name: string };

/** Elements whose content is no markup, and not for readers. */
const skipped = new Set(["script", "style", "noscript", "template", "svg", "iframe", "textarea", "object"]);

/**
 * Reads HTML from start to end, once, forgivingly; comments, declarations and elements that are not for
 * readers are left out. Text comes with its character references resolved.
 */
export function* htmlTokens(html: string): Generator<HtmlToken> {
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    const end = open === -1 ? html.length : open;
    if (end > at) yield { kind: "text", text: decodeReferences(html.slice(at, end)) };
    if (open === -1) return;
    const next = html[open + 1] ?? "";
    if (/[a-z]/i.test(next)) {
      const tag = readTag(html, open + 1);
      if (skipped.has(tag.name)) {
        at = endOfElement(html, tag.end, tag.name);
      } else {
        yield { kind: "open", name: tag.name, attributes: tag.attributes };
        at = tag.end;
      }
    } else if (next === "/" && /[a-z]/i.test(html[open + 2] ?? "")) {
      const tag = readTag(html, open + 2);
      yield { kind: "close", name: tag.name };
      at = tag.end;
    } else if (next === "!" || next === "?" || next === "/") {
      at = html.startsWith("<!--", open) ? after(html, "-->", open + 4) : after(html, ">", open + 2);
    } else {
      yield { kind: "text", text: "<" };
      at = open + 1;
    }
  }
}

/** Behind the next `mark`; the end, when there is none: so no search is made twice. */
function after(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found === -1 ? html.length : found + mark.length;
}

function endOfElement(html: string, from: number, name: string): number {
  const close = new RegExp(`</${name}(?=[\\s/>])`, "gi");
  close.lastIndex = from;
  const found = close.exec(html);
  return found === null ? html.length : after(html, ">", found.index);
}

interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Behind its `>`. */
  readonly end: number;
}

const nameEnd = /[\s/>]/g;
const attributeStart = /[^\s/]/g;
const attributeEnd = /[\s/>=]/g;
const valueStart = /\S/g;
const valueEnd = /[\s>]/g;
/** Longer values are of no use to readers. */
const longestValue = 4_096;

function readTag(html: string, from: number): Tag {
  let at = find(html, nameEnd, from);
  const name = html.slice(from, Math.min(at, from + 64)).toLowerCase();
  const attributes = new Map<string, string>();
  for (;;) {
    at = find(html, attributeStart, at);
    if (at >= html.length || html[at] === ">") return { name, attributes, end: at + 1 };
    const nameAt = at;
    // A name may begin with an equals sign, so that every turn moves on.
    at = find(html, attributeEnd, at + 1);
    const attribute = html.slice(nameAt, Math.min(at, nameAt + 64)).toLowerCase();
    const sign = find(html, valueStart, at);
    let value = "";
    if (html[sign] === "=") {
      const start = find(html, valueStart, sign + 1);
      const quote = html[start];
      const quoted = quote === '"' || quote === "'";
      const close = quoted ? html.indexOf(quote, start + 1) : find(html, valueEnd, start);
      const end = close === -1 ? html.length : close;
      value = html.slice(quoted ? start + 1 : start, Math.min(end, start + longestValue));
      at = quoted ? end + 1 : end;
    }
    if (!attributes.has(attribute)) attributes.set(attribute, decodeReferences(value));
  }
}

/** Where the next character of a class is; the end, when there is none. */
function find(html: string, characters: RegExp, from: number): number {
  characters.lastIndex = from;
  return characters.exec(html)?.index ?? html.length;
}

const named: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  copy: "©",
  reg: "®",
  trade: "™",
  hellip: "…",
  mdash: "—",
  ndash: "–",
  lsquo: "‘",
  rsquo: "’",
  ldquo: "“",
  rdquo: "”",
  laquo: "«",
  raquo: "»",
  bull: "•",
  middot: "·",
  times: "×",
  deg: "°",
  euro: "€",
  pound: "£",
  larr: "←",
  rarr: "→",
};

function decodeReferences(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,8}));/gi, (whole, hex, decimal, name) => {
    if (typeof name === "string") return Object.hasOwn(named, name) ? (named[name] ?? whole) : whole;
    const code = typeof hex === "string" ? Number.parseInt(hex, 16) : Number(decimal);
    const valid = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return valid ? String.fromCodePoint(code) : "\ufffd";
  });
}
