import type { AllowedHost } from "./allowed-host.js";
import { readAllowedHost, showAllowedHost } from "./allowed-host.js";

/**
 * The entries of `allowed_hosts` that say what two lists both allow.
 * @throws Fault `invalid` for an entry that is none.
 */
export function commonHosts(one: readonly string[], other: readonly string[]): string[] {
  const others = other.map(readAllowedHost);
  const both = one.map(readAllowedHost).flatMap((a) => others.flatMap((b) => common(a, b)));
  return [...new Set(both.map(showAllowedHost))];
}

function common(a: AllowedHost, b: AllowedHost): AllowedHost[] {
  const narrower = covers(a, b) ? b : covers(b, a) ? a : undefined;
  const ports = a.ports.filter((port) => b.ports.includes(port));
  if (!narrower || ports.length === 0) return [];
  const { name, subdomains } = narrower;
  // An entry names one port or none, which means all of the usual ones.
  if (ports.length === a.ports.length && ports.length === b.ports.length)
    return [{ name, subdomains, ports }];
  return ports.map((port) => ({ name, subdomains, ports: [port] }));
}

/** Whether everything that `b` is about is what `a` is about, ports aside. */
function covers(a: AllowedHost, b: AllowedHost): boolean {
  if (!a.subdomains) return !b.subdomains && a.name === b.name;
  if (b.subdomains && a.name === b.name) return true;
  return b.name.endsWith(`.${a.name}`);
}
