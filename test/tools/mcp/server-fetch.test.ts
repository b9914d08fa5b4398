import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { createServerFetch } from "../../../src/tools/mcp/server-fetch.js";
import { serve } from "./http-place.js";

/** A server that tells the headers of what it is sent. */
const mirror = () => serve((request, response) => response.end(JSON.stringify(request.headers)));

describe("the fetch of a server", () => {
  it("gives the token to the server's own origin alone", async () => {
    const [own, other] = [await mirror(), await mirror()];
    const fetch = createServerFetch(new URL(`${own}/mcp`), "token");
    expect(await (await fetch(`${own}/x`)).json()).toMatchObject({ authorization: "Bearer token" });
    expect(await (await fetch(`${other}/x`)).json()).not.toHaveProperty("authorization");
  });

  it.each([
    "http://a.test/",
    "https://127.0.0.1/",
    "https://localhost/",
    "http://127.0.0.1/",
    "file:///etc/passwd",
  ])("of a server elsewhere does not lead to %s", async (url) => {
    const fetch = createServerFetch(new URL("https://mcp.test/"), undefined);
    await expect(fetch(url)).rejects.toThrow("it leads to");
  });

  it("lets 256 requests wait for an answer, and no more", async () => {
    const waiting: ServerResponse[] = [];
    const origin = await serve((_request, response) => waiting.push(response));
    const fetch = createServerFetch(new URL(origin), undefined);
    const first = Array.from({ length: 256 }, () => fetch(origin));
    await expect(fetch(origin)).rejects.toThrow("too many requests");
    await expect.poll(() => waiting.length).toBe(256);
    for (const response of waiting) response.end();
    expect((await Promise.all(first)).every(({ ok }) => ok)).toBe(true);
    const last = fetch(origin);
    await expect.poll(() => waiting.length).toBe(257);
    waiting[256]?.end();
    expect((await last).ok).toBe(true);
  });

  it("follows no redirect, and keeps no cookie", async () => {
    const origin = await serve((request, response) => {
      response.writeHead(302, { location: "/y", "set-cookie": "a=b" }).end(request.headers.cookie);
    });
    const fetch = createServerFetch(new URL(origin), undefined);
    expect((await fetch(`${origin}/x`)).status).toBe(302);
    expect(await (await fetch(`${origin}/x`)).text()).toBe("");
  });
});
