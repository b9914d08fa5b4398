import { readAllowedHost, showAllowedHost } from "../core/allowed-host.js";
import { invalid } from "../core/fault.js";

const maxHosts = 100;

/**
 * Entries of `allowed_hosts` in their plain spelling, each once.
 * @throws Fault `invalid` for too many, or one that cannot be read.
 */
export function plainHosts(entries: readonly string[]): string[] {
  if (entries.length > maxHosts)
    throw invalid(`allowed_hosts has ${entries.length} entries; at most ${maxHosts} are allowed`);
  return [...new Set(entries.map((entry) => showAllowedHost(readAllowedHost(entry))))];
}
