import { spawn } from "node:child_process";
import type { ClientHttp2Session } from "node:http2";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer, Socket } from "node:net";
import { constants } from "node:os";
import { joinStreams } from "./join-streams.js";

// A program of its own, run in the sandbox: bridge.js DESCRIPTOR COMMAND [ARGUMENT …]. It listens on the loopback
// address of the sandbox, where nothing else is, sends every connection through the descriptor, which leads to the
// proxy outside, and runs the command with the address in its environment. Nothing of the server is in it.
const [descriptor = "", file = "", ...args] = process.argv.slice(2);
const link = new Socket({ fd: Number(descriptor), readable: true, writable: true });
link.on("error", () => undefined);

// The proxy speaks first. What is sent before it holds the other end could be read by nobody.
const ready = new Promise<ClientHttp2Session>((resolve, reject) => {
  link.once("close", () => reject(new Error("there is no proxy")));
  link.once("readable", () => {
    if (link.readableLength === 0) return void link.destroy();
    const session = connect("http://proxy", { createConnection: () => link });
    session.on("error", () => undefined);
    resolve(session);
  });
});
ready.catch(() => undefined);

const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  client.on("error", () => undefined);
  ready
    .then((session) => joinStreams(client, session.request({ ":method": "CONNECT", ":authority": "proxy" })))
    .catch(() => client.destroy());
});

listener.listen(0, "127.0.0.1", () => {
  const { port } = listener.address() as AddressInfo;
  const child = spawn(file, args, { stdio: "inherit", env: { ...process.env, ...proxyVariables(port) } });
  child.on("error", () => process.exit(127));
  // As shells and bubblewrap do.
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
});

/** What curl, git, package managers and language runtimes look for. */
function proxyVariables(port: number): Record<string, string> {
  const http = `http://127.0.0.1:${port}`;
  const values = {
    HTTP_PROXY: http,
    HTTPS_PROXY: http,
    ALL_PROXY: `socks5h://127.0.0.1:${port}`,
    NO_PROXY: "localhost,127.0.0.1,::1",
  };
  const lower = Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]);
  return { ...values, ...Object.fromEntries(lower), NODE_USE_ENV_PROXY: "1" };
}
