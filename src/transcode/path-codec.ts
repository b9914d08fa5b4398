import { badRequest } from "./http-error.js";

/** Decodes one raw segment of a URL path. A plus stays a plus. Throws a 400 when an escape is malformed. */
export function decodeSegment(raw: string): string {
  if (!raw.includes("%")) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    throw badRequest("the path has a malformed percent-escape");
  }
}

/**
 * Decodes the segments that one variable captures and joins them by slashes. An escaped slash stays
 * escaped: it would otherwise be taken for a border between segments (google.api.http, "reserved expansion").
 */
export function decodeSegments(raw: readonly string[]): string {
  return raw.map((segment) => segment.split(/(%2f)/i).map(keepSlash).join("")).join("/");
}

function keepSlash(part: string, index: number): string {
  return index % 2 === 1 ? part : decodeSegment(part);
}
