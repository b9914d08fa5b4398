import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { onTestFinished } from "vitest";
import { readAllowedHost } from "../../../src/core/allowed-host.js";
import { createGate } from "../../../src/tools/network/gate.js";
import { createHttpDoor } from "../../../src/tools/network/http-door.js";
import { serveConnection } from "../../../src/tools/network/serve-tunnels.js";
import { listen } from "../fetch-place.js";

/** What a proxy may lead to, and how names are resolved for it. */
export interface ProxyScene {
  readonly hosts: readonly string[];
  /** Answers to each question for a name, in turn; the last one stays. */
  readonly answers?: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** Addresses that count as public. Default: 127.0.0.2. */
  readonly open?: readonly string[];
}

/** A proxy on a loopback port, with the names that it asked for. */
export async function startProxy({ hosts, answers = {}, open = ["127.0.0.2"] }: ProxyScene) {
  const asked: string[] = [];
  const gate = createGate(hosts.map(readAllowedHost), {
    allowAddress: (address) => open.includes(address),
    async resolve(host) {
      const turn = asked.filter((name) => name === host).length;
      asked.push(host);
      return answers[host]?.[turn] ?? answers[host]?.at(-1) ?? [];
    },
  });
  const door = createHttpDoor(gate);
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on("error", () => undefined);
    serveConnection(client, gate, (stream) => door.emit("connection", stream));
  });
  return { port: await listen(server), asked };
}

/** Opens a connection, sends bytes, and answers with all that comes until `enough`, the end, or silence. */
export async function talk(
  port: number,
  pieces: readonly (string | Uint8Array)[],
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1" });
  onTestFinished(() => void socket.destroy());
  const text = new Promise<string>((resolve) => {
    let all = "";
    socket.on("data", (data) => {
      all += data.toString("latin1");
      if (enough(all)) resolve(all);
    });
    socket.on("error", () => resolve(all)).on("close", () => resolve(all));
  });
  for (const piece of pieces) socket.write(piece);
  return text;
}

/** The bytes of a SOCKS 5 greeting and of a request for a name or, as a list of numbers, an address. */
export function socksRequest(host: string | readonly number[], port: number, command = 1): Buffer {
  const target =
    typeof host === "string"
      ? [3, Buffer.byteLength(host, "latin1"), ...Buffer.from(host, "latin1")]
      : [host.length === 4 ? 1 : 4, ...host];
  return Buffer.from([5, 1, 0, 5, command, 0, ...target, port >> 8, port & 255]);
}

/** A server that counts connections, says `hello` and sends back what it gets. `open` tells how many are left. */
export async function startEcho(host: string) {
  const clients = new Set<Socket>();
  const seen = { connections: 0, open: () => clients.size };
  const server = createServer({ allowHalfOpen: true }, (client: Socket) => {
    seen.connections += 1;
    clients.add(client);
    client.on("close", () => clients.delete(client));
    client.on("error", () => undefined);
    client.write("hello ");
    client.pipe(client);
  });
  return { port: await listen(server, host), seen };
}
