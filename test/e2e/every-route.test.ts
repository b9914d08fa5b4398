import { request } from "node:http";
import { beforeAll, describe, expect, it } from "vitest";
import type { Route } from "../support/all-routes.js";
import { allRoutes, pathOf } from "../support/all-routes.js";
import type { ServerProcess } from "../support/server-process.js";
import { startServerProcess } from "../support/server-process.js";

const token = "every-route-0123456789";
let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess({ args: ["--auth", "token"], env: { AGENTRY_TOKEN: token } });
});

interface Reply {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

function send(route: Route, headers: Record<string, string>, body?: string | Buffer): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const type = route.connect || body !== undefined ? { "content-type": "application/json" } : {};
  const call = request(
    `${server.url}${pathOf(route, () => "nope")}`,
    { method: route.method, agent: false, headers: { ...type, ...headers } },
    (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("close", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    },
  );
  // The server may answer and close while a large body is still on its way.
  call.on("error", reject);
  call.end(body);
  return promise;
}

const bearer = { authorization: `Bearer ${token}` };
const nameOf = (route: Route): [string, Route] => [`${route.method} ${route.template}`, route];

it("knows more than a hundred of them", () => {
  expect(allRoutes.length).toBeGreaterThan(100);
});

describe.each(allRoutes.map(nameOf))("%s", (_name, route) => {
  it.each([
    ["no token", {}, 401],
    ["a wrong one", { authorization: "Bearer wrong" }, 401],
    ["one in another scheme", { authorization: `Basic ${token}` }, 401],
    ["a foreign Host", { ...bearer, host: "evil.example" }, 421],
    ["a foreign Origin", { ...bearer, origin: "http://evil.example" }, 403],
    ["a page of another site", { ...bearer, "sec-fetch-site": "cross-site" }, 403],
  ])("is refused with %s", async (_, headers, status) => {
    const reply = await send(route, headers, route.method === "GET" ? undefined : "{}");
    expect(reply.status).toBe(status);
    expect(Object.keys(reply.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  const hostile: [string, string | Buffer][] = [
    ["half of a JSON text", '{"a":'],
    ["another kind of JSON", "[[1]]"],
    ["wrong types", '{"input":7,"session":[],"agent":"x","verdict":{},"pageSize":"many"}'],
    ["deep nesting", `{"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00])],
    ["five megabytes", `"${"x".repeat(5 * 1024 * 1024)}"`],
  ];
  it.each(hostile)("survives %s", async (_, body) => {
    const reply = await send(route, bearer, body).catch(() => undefined);
    // A body that is not read may cost the connection before the answer has been seen.
    if (reply) {
      expect(reply.status, reply.text).toBeGreaterThanOrEqual(200);
      expect(reply.status, reply.text).toBeLessThan(500);
      expect(reply.text).not.toMatch(/\n\s+at |node_modules/);
    }
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it("survives a protobuf message that is none", async () => {
    const headers = { ...bearer, "content-type": "application/proto" };
    const reply = await send(route, headers, Buffer.alloc(64, 0xff));
    expect(reply.status, reply.text).toBeLessThan(500);
  });
});
