import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { ToolFailure } from "../tool-failure.js";
import { isPublicAddress } from "./public-address.js";

/** Where a URL may lead. */
export interface Reach {
  /** Says yes to addresses that are allowed though they are not public. */
  readonly allowAddress: (address: string) => boolean;
  /** All addresses of a host name; asked once for each URL. Throws when there are none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
}

/** A URL with the addresses that were checked for it: no other may be dialled. */
export interface Target {
  readonly url: URL;
  /** Host name or address, without brackets. */
  readonly host: string;
  readonly addresses: readonly string[];
}

/** An address that must not be reached. */
export class PrivateAddress extends ToolFailure {
  constructor(host: string) {
    super(`${host} is not on the public internet`);
  }
}

const longestUrl = 8_192;

/** Asks the system's resolver. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

/**
 * Reads a URL as the WHATWG standard does, which knows every spelling of an address. Throws a `ToolFailure`
 * unless it is http or https without user information.
 */
export function parseTarget(text: string, base?: URL): URL {
  if (text.length > longestUrl) throw new ToolFailure(`the URL is longer than ${longestUrl} characters`);
  const url = URL.parse(text, base?.href);
  if (url === null) throw new ToolFailure("url is not an absolute URL");
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ToolFailure(`only http and https URLs can be fetched, not ${url.protocol}`);
  if (url.username !== "" || url.password !== "")
    throw new ToolFailure("the URL must not hold a user name or a password");
  return url;
}

/** Host name or address of a URL, without the brackets of IPv6. */
export function hostOf({ hostname }: URL): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** Port of a URL, also when it is not written. */
export function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : 80;
}

/**
 * Resolves the host of a URL once. Throws a `ToolFailure` when it has no address, or when one of them,
 * any of them, is not allowed.
 */
export async function resolveTarget(url: URL, reach: Reach, signal: AbortSignal): Promise<Target> {
  const host = hostOf(url);
  return { url, host, addresses: await checkedAddresses(host, reach, signal) };
}

/**
 * The addresses of a host, resolved once and all of them allowed. Throws a `ToolFailure` otherwise, a
 * `PrivateAddress` where one of them is not allowed.
 */
export async function checkedAddresses(
  host: string,
  reach: Reach,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const addresses = isIP(host) !== 0 ? [host] : await untilAborted(resolveName(host, reach), signal);
  if (addresses.length === 0) throw new ToolFailure(`${host} has no address`);
  const refused = addresses.some((address) => !isPublicAddress(address) && !reach.allowAddress(address));
  if (refused) throw new PrivateAddress(host);
  return addresses;
}

async function resolveName(host: string, reach: Reach): Promise<readonly string[]> {
  try {
    return await reach.resolve(host);
  } catch {
    throw new ToolFailure(`${host} has no address`);
  }
}

/** The resolver cannot be stopped, but need not be waited for. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
