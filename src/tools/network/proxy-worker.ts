import { Socket } from "node:net";
import { readAllowedHost } from "../../core/allowed-host.js";
import type { Reach } from "../fetch/resolve-target.js";
import { resolveHost } from "../fetch/resolve-target.js";
import { createGate } from "./gate.js";
import type { ProxyOrder } from "./proxy-process.js";
import { serveTunnels } from "./serve-tunnels.js";

// A program of its own, outside of the sandbox: what processes in it send is read here and not in the server. It
// gets a stream and the hosts that it may lead to, for each call, and ends with the server.
process.on("message", ({ hosts, names }: ProxyOrder, link: unknown) => {
  if (!(link instanceof Socket)) return;
  const gate = createGate(hosts.map(readAllowedHost), reachOf(names));
  // An end of the stream is the end of the call.
  link.on("close", () => session.destroy());
  const session = serveTunnels(link, gate);
});
process.on("disconnect", () => process.exit());

function reachOf(names: ProxyOrder["names"]): Reach {
  if (names === undefined) return { resolve: resolveHost, allowAddress: () => false };
  return {
    resolve: async (host) => names.addresses[host] ?? [],
    allowAddress: (address) => names.allowed.includes(address),
  };
}
