// npm run chaos [-- --runs=100 --cuts=200 --seconds=12 --seed=N]
//
// Starts the built server and does to it what the world does: kills it, cuts its streams, does not read
// them. Prints what was counted and ends with 1 when anything that was promised did not hold.
import { parseArgs } from "node:util";
import { crash } from "./crashes.mjs";
import { createRandom } from "./random.mjs";
import { resume } from "./resumes.mjs";
import { slowReaders } from "./slow-readers.mjs";
import { startUpstream } from "./upstream.mjs";

const number = { type: "string" };
const { values } = parseArgs({ options: { runs: number, cuts: number, seconds: number, seed: number } });
const runs = Number(values.runs ?? 100);
const cuts = Number(values.cuts ?? 200);
const seconds = Number(values.seconds ?? 12);
const seed = Number(values.seed ?? Date.now() % 1_000_000);

const print = (line) => process.stdout.write(`${line}\n`);
const log = (line) => process.stderr.write(`${line}\n`);

print(`seed: ${seed}`);
const upstream = await startUpstream();
const random = createRandom(seed);
const faults = [];
if (runs > 0) {
  const totals = await crash({ runs, random, upstream, log });
  print(
    `kills: ${totals.kills}; events received before them: ${totals.events}; faults: ${totals.faults.length}`,
  );
  print(`slowest recovery after the restart: ${totals.recoveryMs.toFixed(0)} ms`);
  faults.push(...totals.faults);
}
if (cuts > 0) {
  const totals = await resume({ cuts, random, upstream, log });
  print(
    `cut streams: ${totals.cuts}; runs followed: ${totals.streams}; events: ${totals.events}; faults: ${totals.faults.length}`,
  );
  faults.push(...totals.faults);
}
if (seconds > 0) {
  const totals = await slowReaders({ seconds, upstream, log });
  print(
    `readers that never read: ${totals.readers}; memory for them: ${totals.moreMb} MB, at the peaks ${totals.morePeakMb} MB; faults: ${totals.faults.length}`,
  );
  print(`longest wait of a reader beside them: ${totals.slowestMs} ms`);
  faults.push(...totals.faults);
}
upstream.close();
for (const fault of faults.slice(0, 50)) print(`FAULT: ${fault}`);
process.exit(faults.length > 0 ? 1 : 0);
