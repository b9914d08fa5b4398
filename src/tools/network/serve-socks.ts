import type { Duplex } from "node:stream";
import type { Gate } from "./gate.js";
import { GateRefusal } from "./gate.js";
import { joinStreams } from "./join-streams.js";
import { readBytes } from "./read-bytes.js";

// RFC 1928.
const version = 5;
const noAuthentication = 0;
const noneAcceptable = 0xff;
const connectCommand = 1;
const reply = { done: 0, failed: 4, denied: 2, commandUnknown: 7, addressUnknown: 8 } as const;

/** Speaks SOCKS 5 on a stream: connections to names, through the gate. Addresses are refused. */
export async function serveSocks(client: Duplex, gate: Gate): Promise<void> {
  const [, methods = 0] = await readBytes(client, 2);
  const offered = await readBytes(client, methods);
  const accepted = offered.includes(noAuthentication);
  client.write(Buffer.from([version, accepted ? noAuthentication : noneAcceptable]));
  if (!accepted) return void client.end();
  const [, command, , kind] = await readBytes(client, 4);
  const host = await readAddress(client, kind);
  const port = (await readBytes(client, 2)).readUInt16BE();
  if (command !== connectCommand) return refuse(client, reply.commandUnknown);
  if (host === undefined)
    return refuse(client, kind === 1 || kind === 4 ? reply.denied : reply.addressUnknown);
  try {
    const upstream = await gate.open(host, port);
    answer(client, reply.done);
    joinStreams(client, upstream);
  } catch (error) {
    if (!(error instanceof GateRefusal)) throw error;
    refuse(client, error.kind === "denied" ? reply.denied : reply.failed);
  }
}

/** The name; undefined for an address, which is read to its end. */
async function readAddress(client: Duplex, kind: number | undefined): Promise<string | undefined> {
  switch (kind) {
    case 1:
      await readBytes(client, 4);
      return undefined;
    case 3: {
      const [length = 0] = await readBytes(client, 1);
      return (await readBytes(client, length)).toString("latin1");
    }
    case 4:
      await readBytes(client, 16);
      return undefined;
    default:
      return undefined;
  }
}

function refuse(client: Duplex, code: number): void {
  answer(client, code);
  client.end();
}

function answer(client: Duplex, code: number): void {
  client.write(Buffer.from([version, code, 0, 1, 0, 0, 0, 0, 0, 0]));
}
