import type { RequestListener } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { onTestFinished } from "vitest";

/** Starts a server on a loopback address; it ends with the test. */
export async function listen(server: Server, host = "127.0.0.1"): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(() => {
    if ("closeAllConnections" in server && typeof server.closeAllConnections === "function")
      server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** An HTTP server that counts connections. */
export async function serve(listener: RequestListener, host = "127.0.0.1") {
  const seen = { connections: 0, requests: 0 };
  const server = createServer((request, response) => {
    seen.requests += 1;
    listener(request, response);
  });
  server.on("connection", () => {
    seen.connections += 1;
  });
  const port = await listen(server, host);
  return { port, url: `http://${host}:${port}`, seen };
}
