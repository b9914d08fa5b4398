import { setTimeout as pause } from "node:timers/promises";
import type { JsonValue } from "@bufbuild/protobuf";
import { fromJson, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Route } from "../support/all-routes.js";
import { allRoutes, pathOf } from "../support/all-routes.js";
import { messageArbitrary } from "../support/message-arbitrary.js";
import type { Place } from "./place.js";
import { openPlace } from "./place.js";

/** Cases for each way to each method: `FUZZ_RUNS=10000` for a night. */
const numRuns = Number(process.env.FUZZ_RUNS ?? 12);
const timeout = 20_000 + numRuns * 200;

let place: Place;
const ids = { agent: "", session: "", run: "" };
beforeAll(async () => {
  place = await openPlace();
  ids.agent = place.agentId;
});
/** What the fuzz itself deletes is made anew: so that it gets beyond "not found". */
async function renew(): Promise<string[]> {
  const model = { provider: "anthropic", name: "fake-1" };
  ids.agent = (await place.call("POST", "/v1/agents", { name: "fuzz", model })).body.id;
  ids.session = await place.session({ agent_id: ids.agent });
  ids.run = (await place.start(ids.session, "go")).body.id;
  return [ids.agent, ids.session, ids.run, "anthropic", "bash", "fake-1"];
}

afterAll(async () => {
  expect((await fetch(`${place.server.url}/health`)).status).toBe(200);
  expect(place.server.logs()).not.toMatch(/"level":"(error|fatal)"|\n\s+at /);
});

interface Reply {
  readonly status: number;
  readonly text: string;
}

/** The status and what comes of the body at once: of a stream, its first piece. */
async function send(path: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(`${place.server.url}${path}`, { ...init, signal: AbortSignal.timeout(5000) });
  const type = response.headers.get("content-type") ?? "";
  if (!/event-stream|connect\+|ndjson/.test(type))
    return { status: response.status, text: await response.text() };
  const reader = response.body?.getReader();
  const first = await Promise.race([reader?.read(), pause(20)]);
  await reader?.cancel();
  return { status: response.status, text: Buffer.from(first?.value ?? []).toString("latin1") };
}

function expectSound({ status, text }: Reply, shown: string): void {
  expect(status, `${shown}\n${text}`).toBeGreaterThanOrEqual(200);
  expect(status, `${shown}\n${text}`).toBeLessThan(500);
  expect(text, shown).not.toMatch(
    /\n\s+at |node_modules|SqliteError|"code":\s*"(internal|unknown|data_loss)"/,
  );
}

/** Bytes with a few of them changed, left out or doubled. */
const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom("set", "cut", "double")), {
  maxLength: 4,
});
function mutate(bytes: Uint8Array, changes: [number, number, string][]): Uint8Array {
  let result = Buffer.from(bytes);
  for (const [position, value, kind] of changes) {
    const at = result.length === 0 ? 0 : position % result.length;
    const rest =
      kind === "set"
        ? [Buffer.from([value]), result.subarray(at + 1)]
        : [result.subarray(kind === "cut" ? at + 1 : at)];
    const again = kind === "double" ? [result.subarray(0, at)] : [];
    result = Buffer.concat([result.subarray(0, at), ...again, ...rest]);
  }
  return result;
}

function envelope(stream: boolean, data: Uint8Array): Uint8Array {
  if (!stream) return data;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(data.length, 1);
  return Buffer.concat([head, data]);
}

/** Sends a message, or what became of it, by Connect. */
async function byConnect(route: Route, body: Uint8Array, format: "json" | "proto"): Promise<Reply> {
  const stream = route.rpc.methodKind !== "unary";
  const type = stream ? `application/connect+${format}` : `application/${format}`;
  const init = {
    method: "POST",
    headers: { "content-type": type },
    body: Buffer.from(envelope(stream, body)),
  };
  return send(pathOf(route, String), init);
}

/** A message as binary; undefined where the JSON is none of it. */
function binaryOf(route: Route, json: JsonValue): Uint8Array | undefined {
  try {
    return toBinary(route.rpc.input, fromJson(route.rpc.input, json, { ignoreUnknownFields: true }));
  } catch {
    return undefined;
  }
}

const nameOf = (route: Route): [string, Route] => [`${route.method} ${route.template}`, route];
const text = new TextEncoder();
const member = (json: JsonValue, name: string): unknown => (json as Record<string, unknown> | null)?.[name];

describe("whatever a caller sends is answered, and never with 5xx", () => {
  it.each(allRoutes.filter(({ connect }) => connect).map(nameOf))(
    "%s",
    async (_name, route) => {
      const known = await renew();
      const messages = messageArbitrary(route.rpc.input, known);
      const property = fc.asyncProperty(messages, mutations, async (json, changes) => {
        const written = JSON.stringify(json);
        const binary = binaryOf(route, json) ?? text.encode(written);
        const replies = await Promise.all([
          byConnect(route, text.encode(written), "json"),
          byConnect(route, mutate(text.encode(written), changes), "json"),
          byConnect(route, mutate(binary, changes), "proto"),
        ]);
        for (const reply of replies) expectSound(reply, written);
      });
      await fc.assert(property, { numRuns });
    },
    timeout,
  );

  it.each(allRoutes.filter(({ connect }) => !connect).map(nameOf))(
    "%s",
    async (_name, route) => {
      const known = await renew();
      const fromList = fc.constantFrom(...known, "nope", "a/b", "..", "%", "\0", "é", "__proto__", ":cancel");
      const parameters = fc.array(fromList, { minLength: 3, maxLength: 3 });
      const shape = fc.tuple(messageArbitrary(route.rpc.input, known), parameters, mutations, fc.boolean());
      const property = fc.asyncProperty(shape, async ([json, values, changes, split]) => {
        let used = 0;
        const path = pathOf(route, () => encodeURIComponent(values[used++ % values.length] ?? ""));
        const members = Object.entries((json ?? {}) as object).filter(
          ([, value]) => typeof value !== "object",
        );
        const query = new URLSearchParams(
          members.map(([name, value]): [string, string] => [name, String(value)]),
        );
        const hasBody = route.method !== "GET" && route.method !== "DELETE";
        const target = hasBody && !split ? path : `${path}?${query}`;
        const whole = text.encode(JSON.stringify(json));
        const inner = text.encode(JSON.stringify(member(json, "session") ?? member(json, "agent") ?? json));
        const bodies = hasBody ? [whole, inner, mutate(whole, changes)] : [undefined];
        const headers = { "content-type": "application/json" };
        const replies = await Promise.all(
          bodies.map((body) =>
            send(target, { method: route.method, headers, ...(body && { body: Buffer.from(body) }) }),
          ),
        );
        for (const reply of replies) expectSound(reply, `${target} ${JSON.stringify(json)}`);
      });
      await fc.assert(property, { numRuns });
    },
    timeout,
  );
});
