import { invalid } from "./fault.js";

const longest = 2000;

/** Whether a host, as `URL.hostname` has it, is this machine. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Whether a URL may carry secrets: https, or http that does not leave this machine. */
export function isSecureUrl({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && isLoopbackHost(hostname));
}

/**
 * Reads the URL of a server of tools. `name` is what to call it in a fault.
 * @throws Fault `invalid` unless it is https, or http on a loopback address, without user information or fragment.
 */
export function readServerUrl(text: string, name: string): URL {
  if (text.length > longest) throw invalid(`${name} is longer than ${longest} characters`);
  const url = URL.parse(text);
  if (url === null) throw invalid(`${name} is not a URL`);
  if (!isSecureUrl(url)) throw invalid(`${name} has to be https, or http on a loopback address`);
  if (url.username !== "" || url.password !== "")
    throw invalid(`${name} must not hold a user name or a password`);
  if (url.hash !== "") throw invalid(`${name} must not have a fragment`);
  return url;
}
