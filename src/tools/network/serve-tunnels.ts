import type { ServerHttp2Session } from "node:http2";
import { performServerHandshake } from "node:http2";
import type { Duplex } from "node:stream";
import { duplexPair } from "node:stream";
import type { Gate } from "./gate.js";
import { createHttpDoor } from "./http-door.js";
import { joinStreams } from "./join-streams.js";
import { readBytes } from "./read-bytes.js";
import { serveSocks } from "./serve-socks.js";

/** Connections that the processes of one call may have at a time. */
const mostTunnels = 256;
/** Until a program has said where it wants to go. */
const greetingMs = 60_000;
const socksVersion = 5;

/**
 * Serves the connections that the bridge of a sandbox sends through one stream, each a stream of HTTP/2: that
 * gives every one a flow control of its own. On each, HTTP proxy requests or SOCKS 5 are spoken.
 */
export function serveTunnels(link: Duplex, gate: Gate): ServerHttp2Session {
  const door = createHttpDoor(gate);
  const settings = { maxConcurrentStreams: mostTunnels, enablePush: false };
  // Windows stay as Node.js has them: set to others here, before the handshake, they let transfers stall for ever.
  const session = performServerHandshake(link, { settings });
  session.on("error", () => undefined);
  link.on("error", () => undefined);
  session.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.respond({ ":status": 200 });
    // Given a stream of HTTP/2 itself, a server of HTTP/1.1 writes through its handle, and its strings arrive broken.
    const [client, inner] = duplexPair();
    joinStreams(stream, inner);
    serveConnection(client, gate, (one) => door.emit("connection", one));
  });
  return session;
}

/** Looks at the first byte: SOCKS begins with its version, no method of HTTP does. */
export function serveConnection(client: Duplex, gate: Gate, serveHttp: (client: Duplex) => void): void {
  const impatience = setTimeout(() => client.destroy(), greetingMs);
  const serve = async (): Promise<void> => {
    const first = await readBytes(client, 1);
    clearTimeout(impatience);
    client.unshift(first);
    if (first[0] === socksVersion) await serveSocks(client, gate);
    else serveHttp(client);
  };
  serve()
    .catch(() => client.destroy())
    .finally(() => clearTimeout(impatience));
}
