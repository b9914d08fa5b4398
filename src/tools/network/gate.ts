import type { Socket } from "node:net";
import { connect } from "node:net";
import type { AllowedHost } from "../../core/allowed-host.js";
import { allowsHost, plainHost } from "../../core/allowed-host.js";
import { lookupAmong, whyFailed } from "../fetch/request-target.js";
import type { Reach } from "../fetch/resolve-target.js";
import { checkedAddresses, PrivateAddress } from "../fetch/resolve-target.js";

/** Why a connection is not made. */
export class GateRefusal extends Error {
  override readonly name = "GateRefusal";
  constructor(
    /** `denied`: it may not be made; `failed`: it was tried, or its name not found. */
    readonly kind: "denied" | "failed",
    message: string,
  ) {
    super(message);
  }
}

/** The only way out of a sandbox. */
export interface Gate {
  /** Connects to a host and port as a program spelled them. Throws a `GateRefusal`. */
  open(host: string, port: number): Promise<Socket>;
}

const dialMs = 30_000;

/**
 * A way to these hosts and no others. A name is compared whole, in its plain spelling; it is resolved once,
 * every address must be one of the public internet, and these addresses are dialled.
 */
export function createGate(hosts: readonly AllowedHost[], reach: Reach): Gate {
  return {
    async open(host, port) {
      const name = plainHost(host);
      if (name === undefined || !allowsHost(hosts, name, port))
        throw new GateRefusal("denied", "this host and port are not among the agent's allowed_hosts");
      return dial(name, port, await findAddresses(name, reach));
    },
  };
}

async function findAddresses(name: string, reach: Reach): Promise<readonly string[]> {
  try {
    return await checkedAddresses(name, reach, AbortSignal.timeout(dialMs));
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be resolved";
    throw new GateRefusal(error instanceof PrivateAddress ? "denied" : "failed", why);
  }
}

async function dial(name: string, port: number, addresses: readonly string[]): Promise<Socket> {
  const signal = AbortSignal.timeout(dialMs);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({
    host: name,
    port,
    lookup: lookupAmong(addresses),
    allowHalfOpen: true,
    noDelay: true,
  });
  const onAbort = (): void => void socket.destroy(new Error("no answer in time"));
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("connect", resolve).once("error", reject);
  try {
    await promise;
    return socket;
  } catch (error) {
    throw new GateRefusal("failed", `no answer from ${name}: ${whyFailed(error)}`);
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.off("error", reject);
  }
}
