import { createHash } from "node:crypto";
import { join } from "node:path";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Route } from "../support/all-routes.js";
import { allRoutes, pathOf } from "../support/all-routes.js";
import { anthropicAnswer } from "../support/fake-upstream.js";
import type { Place } from "./place.js";
import { openPlace, script } from "./place.js";

/** A hash of every row of every table. */
function hashOf(dataDir: string): string {
  const db = new Database(join(dataDir, "agentry.db"), { readonly: true });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck();
    const hash = createHash("sha256");
    for (const table of tables.all()) {
      for (const row of db.prepare(`SELECT * FROM "${table}"`).raw().iterate() as Iterable<unknown[]>) {
        hash.update(
          row.map((cell) => (cell instanceof Buffer ? cell.toString("hex") : String(cell))).join("\0"),
        );
      }
    }
    return hash.digest("hex");
  } finally {
    db.close();
  }
}

let place: Place;
let ids: Record<string, string>;
beforeAll(async () => {
  place = await openPlace();
  const call = { id: "", name: "bash", input: { command: "touch made" } };
  place.upstream.answer(script({ body: anthropicAnswer([call]) }));
  const session = await place.session();
  const run = (await place.start(session, "go")).body.id;
  const list = async () => (await place.call("GET", "/v1/approvals")).body.approvals ?? [];
  const approval = await vi.waitUntil(async () => (await list())[0]?.id, { timeout: 10_000 });
  const agent = place.agentId;
  ids = {
    agent_id: agent,
    "agent.id": agent,
    session_id: session,
    "session.id": session,
    run_id: run,
    approval_id: approval,
    provider_id: "anthropic",
    model_id: "fake-1",
  };
});

const find = (name: string): string => ids[name] ?? "none";

/** Sends a request and reads no more than the first piece of its answer. */
async function send(path: string, init: RequestInit): Promise<number> {
  const signal = AbortSignal.timeout(10_000);
  const response = await fetch(`${place.server.url}${path}`, { ...init, signal });
  await response.body?.cancel();
  return response.status;
}

const nameOf = (route: Route): [string, Route] => [`${route.method} ${route.template}`, route];

describe("without a right token nothing happens", () => {
  it.each(allRoutes.map(nameOf))("by %s", async (_name, route) => {
    const [before, asked] = [hashOf(place.server.dataDir), place.upstream.requests.length];
    const names = { sessionId: ids.session_id, agentId: ids.agent_id, runId: ids.run_id };
    const verdict = { approvalId: ids.approval_id, verdict: "VERDICT_APPROVE" };
    const body = route.connect ? { ...names, ...verdict } : { verdict: "VERDICT_APPROVE" };
    const init = route.method === "GET" ? {} : { body: JSON.stringify(body) };
    for (const authorization of ["Bearer x", "Basic dTpw", "bearer wrong-token-here", ""]) {
      const headers = { authorization, "content-type": "application/json" };
      expect(await send(pathOf(route, find), { method: route.method, headers, ...init })).toBe(401);
    }
    expect(hashOf(place.server.dataDir)).toBe(before);
    expect(place.upstream.requests).toHaveLength(asked);
  });
});

const queries = [
  "",
  "?follow=false",
  "?verdict=VERDICT_APPROVE&state=RUN_STATE_FINISHED&title=x&delete=true",
  "?input.text=go&session.title=x&agent.name=x&method=DELETE&_method=POST",
  "?command=touch+made&api_key=0123456789&base_url=http%3A%2F%2Fevil.test",
];

/** What browsers do without asking: Connect takes GET for what has no side effects. */
const byGet = allRoutes.filter(({ method, connect }) => method === "GET" || connect);

describe("a GET changes nothing", () => {
  it.each(byGet.map(nameOf))("on what answers %s", async (_name, route) => {
    const before = hashOf(place.server.dataDir);
    const message = encodeURIComponent(
      JSON.stringify({
        sessionId: ids.session_id,
        agentId: ids.agent_id,
        approvalId: ids.approval_id,
        verdict: 1,
      }),
    );
    const more = route.connect ? [`?connect=v1&encoding=json&message=${message}`] : [];
    const override = { "x-http-method-override": "DELETE", "x-http-method": "POST" };
    const ways: RequestInit[] = [{}, { method: "HEAD" }, { headers: override }];
    const targets = [...queries, ...more].map((query) => pathOf(route, find) + query);
    const statuses = await Promise.all(targets.flatMap((target) => ways.map((init) => send(target, init))));
    for (const status of statuses) expect(status).toBeLessThan(500);
    expect(hashOf(place.server.dataDir)).toBe(before);
  });

  it("and of what has effects, none can be asked for by one", async () => {
    expect(await send(`/v1/approvals/${ids.approval_id}:resolve?verdict=VERDICT_APPROVE`, {})).toBe(405);
    expect((await place.getRun(find("run_id"))).state).toBe("RUN_STATE_WAITING");
  });
});
