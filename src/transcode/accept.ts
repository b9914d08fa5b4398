/** One preference of an Accept or Accept-Encoding header. */
interface Preference {
  readonly value: string;
  readonly quality: number;
}

/** Reads a header of preferences (RFC 9110, 12.4), lower case, in the order given. Malformed weights count as 0. */
function parsePreferences(header: string): Preference[] {
  return header
    .toLowerCase()
    .split(",")
    .map((item) => {
      const [value = "", ...parameters] = item.split(";").map((part) => part.trim());
      const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
      if (weight === undefined) return { value, quality: 1 };
      return { value, quality: /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0 };
    })
    .filter(({ value }) => value !== "");
}

/** Whether an Accept-Encoding header takes gzip. */
export function acceptsGzip(header: string | undefined): boolean {
  if (!header?.includes("gzip") && !header?.includes("*")) return false;
  const preferences = parsePreferences(header);
  const preference =
    preferences.find(({ value }) => value === "gzip" || value === "x-gzip") ??
    preferences.find(({ value }) => value === "*");
  return preference !== undefined && preference.quality > 0;
}

/** How a stream is written. */
export type StreamFormat = "sse" | "ndjson";

const formats: Readonly<Record<string, StreamFormat>> = {
  "text/event-stream": "sse",
  "text/*": "sse",
  "*/*": "sse",
  "application/x-ndjson": "ndjson",
  "application/ndjson": "ndjson",
  "application/jsonl": "ndjson",
  "application/json": "ndjson",
  "application/*": "ndjson",
};

/** The form of stream that an Accept header asks for: server-sent events where it does not care, undefined where it wants neither. */
export function negotiateStream(header: string | undefined): StreamFormat | undefined {
  const preferences = parsePreferences(header ?? "");
  if (preferences.length === 0) return "sse";
  const offered = preferences
    .filter(({ value, quality }) => quality > 0 && Object.hasOwn(formats, value))
    .toSorted((a, b) => b.quality - a.quality || specificity(b.value) - specificity(a.value));
  const [best] = offered;
  return best && formats[best.value];
}

/** Of equal weights the more specific wins: `*` + `/*` beside a named type is only a fallback. */
function specificity(value: string): number {
  if (value === "*/*") return 0;
  return value.endsWith("/*") ? 1 : 2;
}
