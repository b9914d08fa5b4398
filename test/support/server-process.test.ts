import { expect, it } from "vitest";
import { startServerProcess } from "./server-process.js";

it("starts the built server, and stops it when asked", async () => {
  const server = await startServerProcess();
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect(await server.stop()).toBe(0);
  await expect(fetch(`${server.url}/health`)).rejects.toThrow();
});

it("starts again on the data of a server that crashed", async () => {
  const first = await startServerProcess();
  await first.kill();
  expect(first.child.signalCode).toBe("SIGKILL");
  const second = await startServerProcess({ dataDir: first.dataDir });
  expect((await fetch(`${second.url}/health`)).status).toBe(200);
});

it("tells what a server wrote that did not start", async () => {
  await expect(startServerProcess({ args: ["--no-such-flag"] })).rejects.toThrow(
    /ended early.*no-such-flag/s,
  );
});
