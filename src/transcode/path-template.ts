/** One segment of a template. A literal's text is percent-decoded. */
type TemplateSegment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "single" }
  | { readonly kind: "rest" };

/** The segments that a variable captures. */
export interface TemplateVariable {
  /** Field names joined by dots. */
  readonly path: string;
  readonly start: number;
  /** Exclusive. The last segment is a `rest` when the variable has no fixed length. */
  readonly end: number;
}

/** A path of a `google.api.http` rule, read. */
export interface PathTemplate {
  readonly source: string;
  readonly segments: readonly TemplateSegment[];
  readonly variables: readonly TemplateVariable[];
  /** What follows the last colon, or empty. */
  readonly verb: string;
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;
// RFC 3986 pchar without `:`, which is ours for verbs, and `*`, which is ours for wildcards.
const literal = /^(?:[A-Za-z0-9\-._~!$&'()+,;=@]|%[0-9A-Fa-f]{2})+$/;

/**
 * Reads a path template of google.api.http:
 *
 *     Template = "/" Segments [ ":" LITERAL ]    Segments = Segment { "/" Segment }
 *     Segment  = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"
 *
 * A `**` is the last segment. Throws an Error saying what is wrong and where.
 */
export function parsePathTemplate(source: string): PathTemplate {
  const parser = new TemplateParser(source);
  return parser.parse();
}

class TemplateParser {
  private readonly segments: TemplateSegment[] = [];
  private readonly variables: TemplateVariable[] = [];

  constructor(private readonly source: string) {}

  parse(): PathTemplate {
    const { source } = this;
    if (!source.startsWith("/")) this.fail("it does not begin with a slash");
    const colon = source.lastIndexOf(":");
    const hasVerb = colon > source.lastIndexOf("/") && colon > source.lastIndexOf("}");
    const verb = hasVerb ? this.decode(source.slice(colon + 1)) : "";
    for (const part of splitOutsideBraces(hasVerb ? source.slice(1, colon) : source.slice(1))) {
      if (part.startsWith("{")) this.variable(part);
      else this.segment(part);
    }
    const rest = this.segments.findIndex((segment) => segment.kind === "rest");
    if (rest !== -1 && rest !== this.segments.length - 1) this.fail("a ** must be its last segment");
    return { source, segments: this.segments, variables: this.variables, verb };
  }

  private variable(part: string): void {
    if (!part.endsWith("}")) this.fail(`${JSON.stringify(part)} does not end in a brace`);
    const inside = part.slice(1, -1);
    const equals = inside.indexOf("=");
    const path = equals === -1 ? inside : inside.slice(0, equals);
    if (!path.split(".").every((name) => identifier.test(name))) {
      this.fail(`${JSON.stringify(path)} is not a field path`);
    }
    if (this.variables.some((other) => other.path === path)) this.fail(`the variable ${path} occurs twice`);
    const start = this.segments.length;
    for (const nested of (equals === -1 ? "*" : inside.slice(equals + 1)).split("/")) this.segment(nested);
    this.variables.push({ path, start, end: this.segments.length });
  }

  private segment(part: string): void {
    if (part === "*") this.segments.push({ kind: "single" });
    else if (part === "**") this.segments.push({ kind: "rest" });
    else this.segments.push({ kind: "literal", text: this.decode(part) });
  }

  private decode(part: string): string {
    if (part === "") this.fail("it has an empty segment");
    if (!literal.test(part)) this.fail(`${JSON.stringify(part)} is not a segment`);
    try {
      return decodeURIComponent(part);
    } catch {
      return this.fail(`${JSON.stringify(part)} is not UTF-8`);
    }
  }

  private fail(reason: string): never {
    throw new Error(`path template ${JSON.stringify(this.source)}: ${reason}`);
  }
}

function splitOutsideBraces(text: string): string[] {
  const parts: string[] = [];
  let from = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{") depth++;
    else if (char === "}") depth--;
    else if (char === "/" && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}
