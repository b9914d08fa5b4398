import type { HttpRequest } from "./http-exchange.js";
import { headerOf } from "./http-exchange.js";
import type { Refusal } from "./reply.js";

/** Refuses requests that a foreign web page caused, or undefined when a request may pass. Never throws. */
export type Guard = (request: HttpRequest) => Refusal | undefined;

const authority = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?$/;
const wildcards = new Set(["0.0.0.0", "::", "[::]", "*", ""]);

const malformed = (message: string): Refusal => ({ status: 400, reason: "invalid", message });
const misdirected: Refusal = {
  status: 421,
  reason: "forbidden",
  message: "this server does not answer to that host name; --server-name gives it a further one",
};
const foreign = (message: string): Refusal => ({ status: 403, reason: "forbidden", message });

/**
 * Makes the guard against DNS rebinding and cross-site requests. It looks at `Host` or `:authority`, which
 * must be `localhost`, `127.0.0.1`, `[::1]`, the bind host or one of `names`, with any port; at `Origin`,
 * which must be `http://` and such a host with the port of this connection; and at `Sec-Fetch-Site`. It may
 * turn a target in absolute form (RFC 9112 section 3.2.2) into its path. What `crossSite` says yes to may come
 * from pages of other sites.
 */
export function createGuard(options: {
  host: string;
  names?: readonly string[];
  crossSite?(request: HttpRequest): boolean;
}): Guard {
  const hosts = new Set(["localhost", "127.0.0.1", "[::1]"]);
  for (const name of [options.host, ...(options.names ?? [])]) {
    if (!wildcards.has(name)) hosts.add(hostOf(name));
  }
  const { crossSite = () => false } = options;
  return (request) =>
    checkHost(request, hosts) ??
    checkTarget(request, hosts) ??
    (crossSite(request) ? undefined : checkOrigin(request, hosts));
}

function hostOf(name: string): string {
  const bare = name.includes(":") && !name.startsWith("[") ? `[${name}]` : name;
  return bare.toLowerCase();
}

function checkAuthority(value: string, hosts: ReadonlySet<string>): Refusal | undefined {
  const [, host, port = "0"] = authority.exec(value) ?? [];
  if (host === undefined || Number(port) > 65535)
    return malformed("the host name of the request is malformed");
  return hosts.has(host.toLowerCase()) ? undefined : misdirected;
}

function checkHost(request: HttpRequest, hosts: ReadonlySet<string>): Refusal | undefined {
  const values = rawValues(request, "host");
  const pseudo = request.headers[":authority"];
  if (typeof pseudo === "string") values.push(pseudo);
  if (values.length === 0) return malformed("the request has no host name");
  if (values.length > 1 && new Set(values).size > 1) return malformed("the request has two host names");
  if (values.length > 1 && request.httpVersionMajor === 1) return malformed("the request has two host names");
  return checkAuthority(values[0] ?? "", hosts);
}

/** Every value of a header as it was sent: Node drops the second `Host` from its `headers`. */
function rawValues(request: HttpRequest, name: string): string[] {
  const { rawHeaders } = request;
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const given = rawHeaders[i] ?? "";
    if (given.length === name.length && given.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? "");
  }
  return values;
}

function checkTarget(request: HttpRequest, hosts: ReadonlySet<string>): Refusal | undefined {
  const url = request.url ?? "";
  if (url.startsWith("/") || (url === "*" && request.method === "OPTIONS")) return undefined;
  const [, host, path] = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(url) ?? [];
  if (host === undefined || path === undefined) return malformed("the target of the request is malformed");
  request.url = path.startsWith("/") ? path : `/${path}`;
  return checkAuthority(host, hosts);
}

function checkOrigin(request: HttpRequest, hosts: ReadonlySet<string>): Refusal | undefined {
  for (const origin of rawValues(request, "origin")) {
    if (!isOwnOrigin(origin, hosts, request.socket.localPort)) {
      return foreign("requests of foreign web pages are refused");
    }
  }
  const site = headerOf(request, "sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return foreign("cross-site requests are refused");
  }
  return undefined;
}

function isOwnOrigin(origin: string, hosts: ReadonlySet<string>, localPort: number | undefined): boolean {
  if (!origin.startsWith("http://")) return false;
  const [, host, port = "80"] = authority.exec(origin.slice("http://".length)) ?? [];
  return host !== undefined && hosts.has(host) && port === String(localPort);
}
