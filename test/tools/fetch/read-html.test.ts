import { describe, expect, it } from "vitest";
import { readHtml } from "../../../src/tools/fetch/read-html.js";

const base = new URL("https://a.test/dir/");
const signal = new AbortController().signal;
const read = (html: string, format: "text" | "markdown" = "markdown", limit = 10_000) =>
  readHtml(html, { format, base, limit }, signal);

describe("HTML as Markdown", () => {
  it.each([
    { name: "paragraphs", html: "<p>a\n  b<p>c</p>d", text: "a b\n\nc\n\nd" },
    { name: "headings", html: "<h1>a</h1><h3 class=x>b</h3>c", text: "# a\n\n### b\n\nc" },
    { name: "line breaks", html: "a<br>b<BR/>c", text: "a\nb\nc" },
    { name: "lists", html: "<ul><li>a<li>b</ul>c", text: "- a\n- b\n\nc" },
    { name: "numbered lists", html: "<ol><li>a</li><li>b</li></ol>", text: "1. a\n2. b" },
    {
      name: "lists in lists",
      html: "<ul><li>a<ol><li>b<li>c</ol><li>d</ul>",
      text: "- a\n  1. b\n  2. c\n- d",
    },
    { name: "links", html: `<a href="../b?c=(d)">x</a>`, text: "[x](https://a.test/b?c=%28d%29)" },
    { name: "mail links", html: "<a href=mailto:a@b>x</a>", text: "[x](mailto:a@b)" },
    { name: "links that run code as text", html: `<a href="javascript:alert(1)">x</a>`, text: "x" },
    { name: "links that hide it", html: `<a href="java\tscript&#58;alert(1)">x</a>`, text: "x" },
    { name: "anchors as text", html: "<a name=x>x</a> <a href='http://['>y</a>", text: "x y" },
    {
      name: "links left open",
      html: "a <a href=/b>b <a href=/c>c",
      text: "a [b](https://a.test/b) [c](https://a.test/c)",
    },
    { name: "emphasis", html: "a <b>b</b>, <em>c</em> d", text: "a **b**, *c* d" },
    { name: "code", html: "a <code>b</code> c", text: "a `b` c" },
    { name: "code blocks", html: "<pre><code>a\n  b</code></pre>c", text: "```\na\n  b\n```\n\nc" },
    { name: "tables", html: "<table><tr><td>a<td>b</tr><tr><td>c</table>", text: "| a | b\n| c" },
    {
      name: "what images show",
      html: `a<img src="https://evil/?q" alt="b">c<img src=x>`,
      text: "a [image: b] c",
    },
    {
      name: "references",
      html: "&lt;b&gt; &amp;amp; &#65;&#x42; &nope; &#0;&#xD800;",
      text: "<b> &amp; AB &nope; ��",
    },
    { name: "no scripts and styles", html: "a<script>if (a</b>b) x</script ><STYLE>b</STYLE>c", text: "ac" },
    { name: "no scripts left open", html: "a<script>b</scripty>", text: "a" },
    { name: "no comments", html: "a<!-- <b> > --> b<!doctype x><?php x ?>c</>d", text: "a bcd" },
    { name: "signs that are no tags", html: "1 < 2 <3 a<", text: "1 < 2 <3 a<" },
    { name: "tags with quotes", html: `<p title="a>b" x='">'>c</p>`, text: "c" },
    { name: "nothing of a tag left open", html: `a<p title="b`, text: "a" },
    { name: "closing tags without opening", html: "</ul></pre></a></b>a</li>b", text: "a\nb" },
    {
      name: "links around blocks",
      html: "<a href=/b><h2>x</h2><p>y</p></a>z",
      text: "## [x](https://a.test/b)\n\ny\n\nz",
    },
    { name: "marks inside of blocks", html: "<b>a<p>b</p>c</b>", text: "**a**\n\nb\n\nc" },
    { name: "marks in marks, closed awry", html: "<b>a <i>b</b> c</i>", text: "**a *b*** c" },
    { name: "marks left open twice", html: "<b>a<b>b<p>c", text: "**a**b****\n\nc" },
    { name: "no marks around nothing", html: "a <b></b><a href=/x><img src=y></a>c", text: "a c" },
    { name: "blanks as one", html: " a <b> </b> b\t\n<i>c</i> ", text: "a b *c*" },
  ])("has $name", async ({ html, text }) => {
    expect((await read(html)).text).toBe(text);
  });

  it("has neither marks nor links as plain text", async () => {
    const html = "<h2>a</h2><b>b</b> <a href=/c>c</a><pre>d\n e</pre><ul><li>f</ul>";
    expect((await read(html, "text")).text).toBe("a\n\nb c\n\nd\n e\n\n- f");
  });

  it("ends at its limit, not inside of a character", async () => {
    expect(await read("a😀b", "text", 2)).toEqual({ text: "a", cut: true });
    expect(await read("ab", "text", 2)).toEqual({ text: "ab", cut: false });
  });

  it("stops when it is told to", async () => {
    const aborted = AbortSignal.abort(new Error("enough"));
    const reading = { format: "text", base, limit: 10 } as const;
    await expect(readHtml("<b>".repeat(20_000), reading, aborted)).rejects.toThrow("enough");
  });

  // Anything worse than linear would take minutes, and the test its time.
  it.each([
    "<",
    "<a",
    "<a ",
    "<a =",
    "<a href='",
    "<a b=",
    "<!--",
    "<!",
    "</",
    "</a",
    "<script>",
    "<script></script",
    "<ul>",
    "<ul><li>",
    "<pre>",
    "<b>",
    "<a href=x>",
    "&",
    "&#",
    "&#x41",
    " ",
    "\n<p>",
    "<p> ",
  ])("reads millions of %j in linear time", async (piece) => {
    const html = piece.repeat(Math.ceil((5 * 1024 * 1024) / piece.length));
    const { text } = await read(html, "markdown", 50_000);
    expect(text.length).toBeLessThanOrEqual(50_000);
  });
});
