import { once } from "node:events";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createHttp2Server } from "../../src/server/http2-server.js";
import { isCollected } from "../support/is-collected.js";

/** A server of HTTP/2 that answers every request, and its sessions, which it does not hold. */
async function open() {
  const sessions: WeakRef<object>[] = [];
  const limits = { idleMs: 60_000, bodyMs: 60_000 };
  const { server, destroy } = createHttp2Server((_request, response) => response.end(), limits);
  server.on("session", (session) => sessions.push(new WeakRef(session)));
  const door = createServer((socket) => server.emit("connection", socket)).listen(0, "127.0.0.1");
  await once(door, "listening");
  onTestFinished(() => {
    destroy();
    door.close();
  });
  return { sessions, url: `http://127.0.0.1:${(door.address() as AddressInfo).port}` };
}

describe("a session of HTTP/2", () => {
  it.each(["close", "destroy"] as const)("is held by nothing after a %s", async (way) => {
    const { sessions, url } = await open();
    const session = connect(url);
    await once(session.request().resume(), "close");
    session[way]();
    expect(await isCollected(sessions[0]!)).toBe(true);
  });
});
