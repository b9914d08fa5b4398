import { invalid } from "./fault.js";

/** An entry of `Agent.allowed_hosts`, read. */
export interface AllowedHost {
  /** In lower case, in ASCII, without a dot at its end. */
  readonly name: string;
  /** The names below `name` are meant, and not `name` itself. */
  readonly subdomains: boolean;
  readonly ports: readonly number[];
}

const portsByDefault = [80, 443];
const longestName = 253;
const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
/** A name that ends so is an address to programs, in one of its spellings: WHATWG URL, "ends in a number". */
const endsInNumber = /(^|\.)(\d+|0x[0-9a-f]*)$/;

/**
 * A host name as it is compared and dialled: lower case, without one dot at its end. Undefined for what is none:
 * an address in any spelling, an empty label, any character but letters, digits, `-` and `_`.
 */
export function plainHost(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.length > longestName || endsInNumber.test(name)) return undefined;
  // Lower case of other letters may be an ASCII one.
  if (!/^[\w.-]+$/.test(text) || !name.split(".").every((part) => label.test(part))) return undefined;
  return name;
}

/**
 * Reads an entry of `allowed_hosts`: `api.example.com`, `*.example.com`, `api.example.com:8443`. Names in other
 * scripts are taken in their ASCII form (UTS 46).
 * @throws Fault `invalid` that names the entry.
 */
export function readAllowedHost(entry: string): AllowedHost {
  const refuse = (why: string): never => {
    throw invalid(`allowed_hosts has ${JSON.stringify(entry)}: ${why}`);
  };
  const [, star = "", host = "", port] = /^(\*\.)?([^:*]*)(?::(.*))?$/su.exec(entry) ?? refuse(shape);
  // Everything that would end the host in a URL, or be taken out of it.
  if (host === "" || /[\s\p{Cc}/?#@\\%[\]<>^|"'`{}]/u.test(host)) refuse(shape);
  const ascii = URL.parse(`http://${host}/`)?.hostname ?? "";
  const name = plainHost(ascii) ?? refuse("it is not the name of a host; addresses are not allowed");
  if (!name.includes(".")) refuse("a name needs a dot, and behind *. too");
  if (name === "localhost" || name.endsWith(".localhost")) refuse("it is this machine");
  return { name, subdomains: star !== "", ports: port === undefined ? portsByDefault : [readPort()] };

  function readPort(): number {
    if (port === undefined || !/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535)
      return refuse("the port is not a number from 1 to 65535");
    return Number(port);
  }
}

const shape = "write it as in api.example.com, *.example.com or api.example.com:8443";

/** The entry that says the same, the only one that does. */
export function showAllowedHost({ name, subdomains, ports }: AllowedHost): string {
  return `${subdomains ? "*." : ""}${name}${ports.length === 1 ? `:${ports[0]}` : ""}`;
}

/** Whether one of the entries is about this name, as `plainHost` has it, and this port. */
export function allowsHost(hosts: readonly AllowedHost[], name: string, port: number): boolean {
  return hosts.some(
    (host) =>
      host.ports.includes(port) &&
      (host.subdomains
        ? name.length > host.name.length + 1 && name.endsWith(`.${host.name}`)
        : name === host.name),
  );
}
