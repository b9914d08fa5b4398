// Cuts streams at random bytes and goes on from the last position, over another transport.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, createAgent, history, startRun, startServer } from "./server.mjs";
import { readBytes } from "./streams.mjs";

const transports = ["sse", "connect"];
const atOnce = 4;

/** Follows runs with cuts until `cuts` were made. Returns what was counted and every gap or duplicate. */
export async function resume({ cuts, random, upstream, log }) {
  const folder = mkdtempSync(join(tmpdir(), "agentry-chaos-"));
  const totals = { cuts: 0, streams: 0, events: 0, faults: [] };
  const server = await startServer(join(folder, "data"));
  try {
    const agent = await createAgent(server.url, upstream.url, []);
    while (totals.cuts < cuts) {
      await Promise.all(Array.from({ length: atOnce }, () => follow(server.url, agent, random, totals)));
      log(`cuts: ${totals.cuts}, streams: ${totals.streams}, faults: ${totals.faults.length}`);
    }
  } finally {
    await server.end("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
  return totals;
}

/** One run from its first event to its last, over streams that are cut. */
async function follow(url, agent, random, totals) {
  const session = await call(url, "POST", "/v1/sessions", { agent_id: agent, title: "chaos" });
  const { id } = await startRun(url, session.id, [{ deltas: 300, paceMs: 1 }]);
  const seen = [];
  for (let tries = 0; tries < 1000; tries += 1) {
    const { state, last_seq } = await call(url, "GET", `/v1/runs/${id}`);
    if (state === "RUN_STATE_FINISHED" && (seen.at(-1) ?? 0) >= last_seq) break;
    const transport = transports[Math.floor(random() * transports.length)];
    const limit = 1 + Math.floor(random() * 12_000);
    const at = { url, session: session.id, after: seen.at(-1) ?? 0, limit, waitMs: 300 };
    seen.push(...(await readBytes(transport, at)));
    totals.cuts += 1;
  }
  const stored = (await history(url, session.id)).map((event) => event.id);
  totals.streams += 1;
  totals.events += seen.length;
  if (seen.join() !== stored.join())
    totals.faults.push(`session ${session.id}: read ${seen}, stored ${stored}`);
}
