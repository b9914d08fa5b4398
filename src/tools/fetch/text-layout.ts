import type { HtmlToken } from "./html-tokens.js";

const blocks = new Set(
  (
    "address article aside blockquote body center details dialog div dl fieldset figcaption figure footer form " +
    "header hr html main nav ol p section summary table tbody thead tfoot title ul h1 h2 h3 h4 h5 h6 pre"
  ).split(" "),
);
const lines = new Set(["li", "tr", "option", "dt", "dd"]);
const marks: ReadonlyMap<string, string> = new Map([
  ["strong", "**"],
  ["b", "**"],
  ["em", "*"],
  ["i", "*"],
  ["code", "`"],
]);
const mostDepth = 8;

/** An inline element whose marks go around the text that it holds, if it holds any. */
interface Inline {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  written: boolean;
}

/** Lays tokens of HTML out as Markdown or as plain text. */
export class TextLayout {
  readonly #pieces: string[] = [];
  /** Line feeds to come before the next text. */
  #feeds = 0;
  #space = false;
  /** Characters so far. */
  length = 0;
  #pre = 0;
  /** Of each open list the number of its last item, or -1 for bullets. */
  readonly #lists: number[] = [];
  readonly #inlines: Inline[] = [];

  constructor(
    private readonly markdown: boolean,
    private readonly base: URL,
  ) {}

  add(token: HtmlToken): void {
    switch (token.kind) {
      case "text":
        return this.#pre > 0 ? this.#put(token.text) : this.#flow(token.text);
      case "open":
        return this.#open(token.name, token.attributes);
      case "close":
        return this.#close(token.name);
      default:
        return token satisfies never;
    }
  }

  /** The text so far, without blanks around it. */
  finish(): string {
    this.#endWritten();
    return this.#pieces.join("").trim();
  }

  #open(name: string, attributes: ReadonlyMap<string, string>): void {
    if (name === "br") return this.#break(1);
    if (blocks.has(name)) this.#break(this.#lists.length > 0 ? 1 : 2);
    if (lines.has(name)) this.#break(1);
    if (name === "ul" || name === "ol") this.#lists.push(name === "ol" ? 0 : -1);
    if (name === "li") this.#put(this.#bullet());
    if (name === "td" || name === "th") this.#flow(" | ");
    if (name === "img") this.#flow(imageText(attributes.get("alt")));
    if (name === "pre") this.#openPre();
    if (!this.markdown) return;
    if (/^h[1-6]$/.test(name)) this.#put(`${"#".repeat(Number(name[1]))} `);
    if (name === "hr") this.#put("---\n\n");
    this.#openInline(name, attributes.get("href"));
  }

  #close(name: string): void {
    this.#closeInline(name);
    if (name === "pre" && this.#pre > 0) {
      this.#pre -= 1;
      if (this.markdown && this.#pre === 0) this.#put("\n```");
    }
    if (name === "ul" || name === "ol") this.#lists.pop();
    if (blocks.has(name)) this.#break(this.#lists.length > 0 ? 1 : 2);
    if (lines.has(name)) this.#break(1);
  }

  #openPre(): void {
    if (this.markdown && this.#pre === 0) this.#put("```\n");
    this.#pre += 1;
  }

  #bullet(): string {
    const depth = Math.min(this.#lists.length, mostDepth);
    const last = this.#lists.pop() ?? -1;
    this.#lists.push(last === -1 ? -1 : last + 1);
    const mark = last === -1 ? "-" : `${last + 1}.`;
    return `${"  ".repeat(Math.max(depth - 1, 0))}${mark} `;
  }

  #openInline(name: string, href: string | undefined): void {
    if (name === "a") this.#closeInline("a");
    if (this.#pre > 0 || this.#inlines.length >= mostDepth) return;
    const mark = marks.get(name);
    const link = name === "a" ? linkOf(href, this.base) : undefined;
    if (mark !== undefined) this.#inlines.push({ name, before: mark, after: mark, written: false });
    if (link !== undefined) this.#inlines.push({ name, before: "[", after: `](${link})`, written: false });
  }

  #closeInline(name: string): void {
    this.#closeFrom(this.#inlines.findLastIndex((inline) => inline.name === name));
  }

  /** Marks do not reach over the end of a block. */
  #endWritten(): void {
    this.#closeFrom(this.#inlines.findIndex(({ written }) => written));
  }

  #closeFrom(index: number): void {
    if (index === -1) return;
    for (const inline of this.#inlines.splice(index).toReversed()) {
      if (inline.written) this.#put(inline.after, true);
    }
  }

  /** Text outside of `pre`: runs of blanks are one. */
  #flow(text: string): void {
    const words = text.replace(/[ \t\n\r\f]+/g, " ");
    if (words.startsWith(" ")) this.#space = true;
    const body = words.trim();
    if (body === "") return;
    this.#writeSpace();
    for (const inline of this.#inlines) {
      if (!inline.written) this.#put(inline.before, true);
      inline.written = true;
    }
    this.#put(body, true);
    this.#space = words.endsWith(" ");
  }

  /** Writes the blank that is due before a text on the same line. */
  #writeSpace(): void {
    if (this.#space && this.#feeds === 0 && this.#pieces.length > 0) this.#write(" ");
    this.#space = false;
  }

  #put(text: string, inline = false): void {
    if (text === "") return;
    if (!inline) this.#space = false;
    if (this.#feeds > 0 && this.#pieces.length > 0) this.#write("\n".repeat(this.#feeds));
    this.#feeds = 0;
    this.#write(text);
  }

  #write(text: string): void {
    this.#pieces.push(text);
    this.length += text.length;
  }

  #break(feeds: number): void {
    this.#endWritten();
    this.#feeds = Math.max(this.#feeds, feeds);
    this.#space = false;
  }
}

/** The address of a link that only leads somewhere, for the inside of parentheses. */
function linkOf(href: string | undefined, base: URL): string | undefined {
  const url = href === undefined ? null : URL.parse(href, base.href);
  if (url === null || !/^(https?|mailto):$/.test(url.protocol)) return undefined;
  return url.href.replaceAll("(", "%28").replaceAll(")", "%29");
}

function imageText(alt: string | undefined): string {
  return alt === undefined || alt.trim() === "" ? "" : ` [image: ${alt.trim()}] `;
}
