// Measures the built server beside the plainest one that does the same work, and holds it to targets.
//
//   npm run bench -- [--quick] [--rounds=N] [--turns=N]
//
// Everything it writes is under BENCH_DIR (default: agentry-bench in the system's temporary folder).
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { comparisons, figures, longSession, render } from "./targets.mjs";
import { layOut } from "./workspace.mjs";

const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    turns: { type: "string" },
  },
});
const rounds = values.rounds ?? (values.quick ? "1" : "5");
const turns = values.turns ?? (values.quick ? "200" : "1010");

const directory = process.env.BENCH_DIR ?? join(tmpdir(), "agentry-bench");
const workspace = layOut({ root, directory });
const env = { ...process.env, BENCH_DIR: directory, AGENTRY_ROOT: root };

/** Runs one program of the workspace to its end. What it prints goes to the error output. */
function run(program, ...args) {
  console.error(`\n# ${program} ${args.join(" ")}`);
  const { status } = spawnSync(process.execPath, [program, ...args], {
    cwd: workspace,
    env,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
}

const readResult = (...path) => JSON.parse(readFileSync(join(directory, "results", ...path), "utf8"));

const ratios = join(directory, "results", "ratios.json");
run(
  "ratio.mjs",
  `--rounds=${rounds}`,
  "--tests=c,d,e,f,g",
  `--out=${ratios}`,
  "reparse",
  "agentry-sse",
  "agentry-connect",
);
run("client.mjs", "agentry-sse", "--tests=a,e", ...(values.quick ? ["--quick"] : []));
run("long-session.mjs", "agentry-sse", turns);

const rows = [
  ...comparisons(readResult("ratios.json").rows),
  ...figures(readResult("agentry-sse.json")),
  ...longSession(readResult("long-session.json")),
];
console.log(render(rows));
process.exitCode = rows.every((row) => row.met !== false) ? 0 : 1;
