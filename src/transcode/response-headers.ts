import type { OutgoingHttpHeaders } from "node:http";

// They describe the connection or the body, which are the gateway's.
const reserved = new Set([
  "connection",
  "content-length",
  "content-type",
  "content-encoding",
  "date",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Adds headers of a service or a dialect to those of a reply, in place of ones of the same name. What HTTP
 * cannot carry (RFC 9110, 5.5), and what belongs to the gateway, is left out.
 */
export function addHeaders(reply: OutgoingHttpHeaders, headers: Iterable<readonly [string, string]>): void {
  const own = new Set<string>();
  for (const [given, value] of headers) {
    const name = given.toLowerCase();
    if (reserved.has(name) || !token.test(name) || !fieldValue.test(value)) continue;
    const before = own.has(name) ? reply[name] : undefined;
    own.add(name);
    if (before === undefined) reply[name] = value;
    else reply[name] = Array.isArray(before) ? [...before, value] : [String(before), value];
  }
}
