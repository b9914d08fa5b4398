import type { Redactor } from "../core/secrets.js";
import type { KnownProvider } from "./catalogue/providers.js";
import { knownProviders } from "./catalogue/providers.js";

/** What the operator's environment says of providers. */
export interface ProviderEnvironment {
  /** The key of a provider, or undefined. */
  key(provider: KnownProvider): string | undefined;
  /** The address that a provider was moved to, or undefined. */
  baseUrl(provider: KnownProvider): string | undefined;
}

/**
 * Reads the variables named in the table of providers, once, and no others; later changes go unseen. Keys
 * are read only with `envKeys` and are made known to the redactor. Blank values count as absent.
 */
export function readProviderEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
  envKeys: boolean,
  redactor: Redactor,
): ProviderEnvironment {
  const keys = new Map<string, string>();
  const addresses = new Map<string, string>();
  for (const provider of knownProviders.values()) {
    const value = provider.baseUrlVariable ? variables[provider.baseUrlVariable]?.trim() : undefined;
    const address = value && provider.readBaseUrl ? provider.readBaseUrl(value) : value;
    if (address) addresses.set(provider.id, address);
    if (!envKeys) continue;
    const key = provider.keyVariables.map((name) => variables[name]?.trim()).find((value) => value);
    if (!key) continue;
    redactor.add(key);
    keys.set(provider.id, key);
  }
  return { key: (provider) => keys.get(provider.id), baseUrl: (provider) => addresses.get(provider.id) };
}
