import { isIP } from "node:net";
import { invalid } from "../core/fault.js";

/**
 * An address of an API, checked: http or https, without user, query or fragment, trailing slashes removed.
 * Unless `trusted` (the operator's own configuration), http is taken for loopback addresses alone.
 * Throws `invalid`.
 */
export function parseBaseUrl(
  text: string,
  trusted: boolean,
): { readonly url: string; readonly origin: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw invalid("base_url is not a URL");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw invalid("base_url must be http or https");
  if (url.username || url.password || url.search || url.hash) {
    throw invalid("base_url must not hold a user, a query or a fragment");
  }
  if (!trusted && url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw invalid("base_url must be https, or http on a loopback address");
  }
  return { url: url.href.replace(/\/+$/, ""), origin: url.origin };
}

function isLoopback(hostname: string): boolean {
  if (hostname === "localhost" || hostname === "[::1]") return true;
  return isIP(hostname) === 4 && hostname.startsWith("127.");
}
