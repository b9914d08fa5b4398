import { createHash } from "node:crypto";

const mask = "[redacted]";

/**
 * Takes out of a text what a provider may have echoed of a key: the key, its beginning (with whatever
 * follows it), its SHA-256, and anything that has the look of a key.
 */
export function scrubKey(text: string, key: string): string {
  let clean = text;
  if (key.length >= 8) {
    const hash = createHash("sha256").update(key).digest("hex");
    clean = clean.replaceAll(key, mask).replaceAll(hash, mask);
    clean = maskFrom(clean, key.slice(0, Math.min(12, key.length)));
  }
  return clean.replace(/\b(?:sk|pk|rk|gsk|xai|key|nvapi|hf|AIza)[-_][\w*.-]{8,}/g, mask);
}

function maskFrom(text: string, beginning: string): string {
  const parts = text.split(beginning);
  return parts.map((part, i) => (i === 0 ? part : mask + part.replace(/^[^\s"'<>,;}]*/, ""))).join("");
}

/** One line of printable text, at most `limit` characters. */
export function oneLine(text: string, limit: number): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp} ]+/gu, " ").trim();
  return line.length > limit ? `${line.slice(0, limit - 1).trimEnd()}…` : line;
}
