// How the time of a turn grows with its session: node long-session.mjs ADAPTER TURNS
//
// Runs in a copy of the measuring programs. Compares the median of the first 20 turns with that of the last.
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { json, median, Stamps, start, stop, waitUp } from "./lib.mjs";

const [name, turns] = [process.argv[2], Number(process.argv[3])];
const [port, upstreamPort] = [9301, 9300];
const sample = 20;
const deltas = 10;
const root = process.env.BENCH_DIR;
const [base, upstream] = [port, upstreamPort].map((number) => `http://127.0.0.1:${number}`);
const [home, dir] = ["home", "work"].map((kind) => join(root, kind, `long-${name}`));
for (const folder of [home, dir]) rmSync(folder, { recursive: true, force: true });
for (const folder of [home, dir, join(root, "logs")]) mkdirSync(folder, { recursive: true });

const { default: adapter } = await import(`./adapters/${name}.mjs`);
const model = spawn(process.execPath, ["upstream.mjs", String(upstreamPort)], {
  stdio: ["ignore", "ignore", "inherit"],
});
let server;
try {
  await waitUp(`${upstream}/stats`, 5000);
  server = start(await adapter.spawn({ port, upstream, home, dir }), join(root, "logs", `long-${name}.log`));
  await waitUp(base + adapter.health, 30_000, adapter);
  const context = await adapter.open?.(base);
  const turn = async (session) => {
    const stamps = new Stamps();
    const started = performance.now();
    await adapter.sendStream(base, context, session, `[[n=${deltas} d=0]] Please answer.`, stamps.feed);
    return { ms: performance.now() - started, lost: deltas - stamps.latency.length };
  };
  for (let warmUp = await adapter.createSession(base, context), n = 0; n < 30; n += 1) await turn(warmUp);

  const session = await adapter.createSession(base, context);
  const took = [];
  let lost = 0;
  for (let n = 0; n < turns; n += 1) {
    const one = await turn(session);
    took.push(one.ms);
    lost += one.lost;
  }
  const { lastBytes } = await json(`${upstream}/stats`);
  const result = {
    turns,
    early: median(took.slice(0, sample)),
    late: median(took.slice(-sample)),
    lost,
    requestBytes: lastBytes,
  };
  console.log(JSON.stringify(result));
  writeFileSync(join(root, "results", "long-session.json"), JSON.stringify(result));
  await adapter.close?.(context);
} finally {
  if (server) await stop(server);
  model.kill();
}
process.exit();
