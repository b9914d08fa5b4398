// Measures the built server beside the plainest one that does the same work, and holds it to targets.
//
//   npm run bench -- [--quick] [--rounds=N] [--turns=N]
//
// Everything it writes is under BENCH_DIR (default: agentry-bench in the system's temporary folder).
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { comparisons, figures, longSession, render, tools } from "./targets.mjs";
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

/**
 * Runs one program of the workspace to its end and returns the result that it wrote. What it prints goes to
 * the error output. Some end with 0 whatever happens: a missing result is how they fail.
 */
function measure(result, program, ...args) {
  console.error(`\n# ${program} ${args.join(" ")}`);
  const stdio = ["ignore", 2, 2];
  const { status } = spawnSync(process.execPath, [program, ...args], { cwd: workspace, env, stdio });
  if (status !== 0 || !existsSync(result)) {
    throw new Error(`${program} failed: see above, and ${join(directory, "logs")}`);
  }
  return JSON.parse(readFileSync(result, "utf8"));
}

const [ratios, single, long, sandbox] = ["ratios", "agentry-sse", "long-session", "tools"].map((name) =>
  join(directory, "results", `${name}.json`),
);
const servers = ["reparse", "agentry-sse", "agentry-connect"];
const quick = values.quick ? ["--quick"] : [];
const rows = [
  ...comparisons(
    measure(ratios, "ratio.mjs", `--rounds=${rounds}`, "--tests=c,d,e,f,g", `--out=${ratios}`, ...servers)
      .rows,
  ),
  ...figures(
    measure(single, "client.mjs", "agentry-sse", "--tests=a,e", "--port=9302", "--up=9303", ...quick),
  ),
  ...longSession(measure(long, "long-session.mjs", "agentry-sse", turns)),
  ...tools(measure(sandbox, join(import.meta.dirname, "tools.mjs"), `--out=${sandbox}`)),
];
console.log(render(rows));
process.exitCode = rows.every((row) => row.met !== false) ? 0 : 1;
