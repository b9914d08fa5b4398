import { isIP } from "node:net";

const ownPort = "11434";

/**
 * The address that a value of OLLAMA_HOST means, by Ollama's own rules: `host`, `host:port` or
 * `scheme://host:port`, also in quotes. Without a scheme it is http on port 11434; http and https bring their
 * own ports; a port that is none counts as absent. A server that listens on every address (`0.0.0.0`, `::`) is
 * reached on the loopback. Undefined for a value that makes no address: Ollama goes on without it, too.
 */
export function ollamaAddress(value: string): string | undefined {
  const text = value
    .trim()
    .replace(/^["']+|["']+$/g, "")
    .trim();
  const [, scheme, rest = ""] = /^(?:([^:/]*):\/\/)?(.*)$/s.exec(text) ?? [];
  const [authority = "", ...path] = rest.split("/");
  const defaultPort = scheme === undefined ? ownPort : scheme === "https" ? "443" : "80";
  const { host, port } = splitPort(authority);
  const url = `${scheme ?? "http"}://${reachable(host)}:${portOr(port, defaultPort)}/${path.join("/")}`;
  if (authority.includes("@") || !URL.canParse(url)) return undefined;
  const { protocol, search, hash } = new URL(url);
  if ((protocol !== "http:" && protocol !== "https:") || search || hash) return undefined;
  return url.replace(/\/+$/, "");
}

function splitPort(authority: string): { readonly host: string; readonly port: string } {
  if (isIP(authority) === 6) return { host: authority, port: "" };
  const [, bracketed, plain = "", port = ""] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(authority) ?? [];
  return { host: bracketed ?? plain, port };
}

function portOr(port: string, defaultPort: string): string {
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  return number >= 1 && number <= 65_535 ? String(number) : defaultPort;
}

/** A host as it stands in a URL, from how a server may be told to listen on it. */
function reachable(host: string): string {
  if (host === "" || host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return isIP(host) === 6 ? `[${host}]` : host;
}
