import { BlockList, isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";

/**
 * IPv4 blocks that are not for everybody: the special-purpose registry of IANA (RFC 6890), multicast, what
 * is reserved, and the one public address behind which a cloud keeps its machines' own service.
 */
const closedIpv4Ranges = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
const closedIpv4 = blockList("ipv4", closedIpv4Ranges);

/** Global unicast; mapped, compatible, NAT64, unique-local, link-local and multicast addresses lie outside. */
const globalIpv6 = blockList("ipv6", ["2000::/3"]);

/** Of global unicast: IETF assignments with Teredo, documentation, and 6to4, which holds an IPv4 address. */
const closedIpv6Ranges = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];
const closedIpv6 = blockList("ipv6", closedIpv6Ranges);

/** The same for those who take ranges: all that is refused, but for what no router knows. */
export const closedRanges: readonly string[] = [
  ...closedIpv4Ranges,
  ...closedIpv6Ranges,
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
  "64:ff9b:1::/48",
];

/**
 * Whether an address, written as the resolver writes it, is one of the public internet and none of this
 * machine's own, `own`. Anything else that a text may be is not.
 */
export function isPublicAddress(address: string, own = ownAddresses()): boolean {
  if (own.has(address)) return false;
  if (isIPv4(address)) return !closedIpv4.check(address, "ipv4");
  if (!isIPv6(address) || address.includes("%")) return false;
  return globalIpv6.check(address, "ipv6") && !closedIpv6.check(address, "ipv6");
}

/** Servers of this machine may listen on its public addresses too, which come and go. */
function ownAddresses(): ReadonlySet<string> {
  const own = Object.values(networkInterfaces()).flatMap((ones) => ones ?? []);
  return new Set(own.map(({ address }) => address));
}

function blockList(family: "ipv4" | "ipv6", subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [net = "", prefix = ""] = subnet.split("/");
    list.addSubnet(net, Number(prefix), family);
  }
  return list;
}
