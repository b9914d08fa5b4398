// What the sandbox of the tools costs, and what the server does while tools do their worst:
//
//   node test/bench/tools.mjs [--samples=N] [--seconds=N] [--out=FILE]
//
// The first rows are ratios to a bare spawn of the same program, taken in turn with it. The others are how long a
// client waits for one session while tools print, compute, fork, fill memory or disk.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { call, createAgent, startRun, startServer } from "../chaos/server.mjs";
import { startUpstream } from "../chaos/upstream.mjs";

const { values } = parseArgs({
  options: {
    samples: { type: "string", default: "200" },
    seconds: { type: "string", default: "4" },
    only: { type: "string" },
    out: { type: "string" },
  },
});
const built = join(import.meta.dirname, "../../dist/src/tools");
const load = (name) => import(join(built, name));
const folder = mkdtempSync(join(tmpdir(), "agentry-tools-bench-"));

const quantile = (list, part) => [...list].sort((a, b) => a - b)[Math.floor(list.length * part)];

/** Bubblewrap with the least that confines: the floor. */
const least = (workDir) =>
  [
    "--unshare-user --unshare-all --disable-userns --cap-drop ALL --die-with-parent --new-session",
    "--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64",
    `--proc /proc --dev /dev --tmpfs /tmp --bind ${workDir} ${workDir} --chdir ${workDir} -- /usr/bin/true`,
  ].flatMap((line) => line.split(" "));

async function startCosts() {
  const [{ createBwrapSandbox }, { bashTool }, { toolPrograms }, { findBwrap }] = await Promise.all(
    ["sandbox/bwrap.js", "bash.js", "tool-programs.js", "sandbox/probe-sandbox.js"].map(load),
  );
  const [workDir, home] = [join(folder, "work"), join(folder, "home")];
  for (const path of [workDir, home]) mkdirSync(path);
  const file = findBwrap();
  const options = { file, stateDir: join(folder, "state"), hidden: [], programs: await toolPrograms(), home };
  const sandbox = createBwrapSandbox(options);
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: home };
  const never = new AbortController().signal;
  const context = { workDir, sandbox, onOutput() {} };
  const ended = async (child) => {
    if ((await once(child, "exit"))[0] !== 0) throw new Error("it failed");
  };
  const cases = {
    bare: () => ended(spawn("/usr/bin/true")),
    least: () => ended(spawn(file, least(workDir), { env: {} })),
    sandboxed: async () => {
      const started = sandbox.spawn({ file: "/usr/bin/true", args: [], workDir, env }, never);
      started.stdin.end();
      if ((await started.exited).code !== 0) throw new Error("it failed");
    },
    bash: () => bashTool.run({ command: "true" }, context, never),
  };
  const took = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = -10; round < Number(values.samples); round += 1) {
    for (const [name, run] of Object.entries(cases)) {
      // What an earlier one left to do belongs to none of them.
      await sleep(50);
      const started = performance.now();
      await run();
      if (round >= 0) took[name].push(performance.now() - started);
    }
  }
  await sandbox.close();
  const names = ["least", "sandboxed", "bash"];
  const bare = quantile(took.bare, 0.5);
  return { bare, ...Object.fromEntries(names.map((name) => [name, quantile(took[name], 0.5)])) };
}

const bombs = {
  nothing: { sessions: 20, line: "sleep 600" },
  "20 tools that print without end": { sessions: 20, line: "yes" },
  "20 tools that compute with 4 processes": {
    sessions: 20,
    line: "for n in 1 2 3 4; do (while :; do :; done) & done; wait",
  },
  "a fork bomb": { sessions: 1, line: "b() { b | b & }; b; sleep 600" },
  "10 GB of memory": { sessions: 1, line: "head -c 10G /dev/zero | tail" },
  "10 GB in a file": { sessions: 1, line: "head -c 10G /dev/zero >big; sleep 600" },
  "a million files": {
    sessions: 1,
    line: "for ((d = 0; d < 1000; d++)); do mkdir $d && for ((f = 0; f < 1000; f++)); do : >$d/$f; done; done",
  },
  "descriptors without end": {
    sessions: 1,
    line: 'for i in {10..100000}; do eval "exec $i</dev/null" || break; done; sleep 600',
  },
};

/** Milliseconds that a client waits for one session, while tools run such a line. */
async function waits({ url, agent }, { sessions, line }) {
  const open = { agent_id: agent, title: "t", approval_mode: "APPROVAL_MODE_AUTO" };
  const ids = [];
  for (let index = 0; index < sessions; index += 1) {
    const work_dir = mkdtempSync(join(folder, "bomb-"));
    const { id } = await call(url, "POST", "/v1/sessions", { ...open, work_dir });
    ids.push(id);
    const tools = [{ name: "bash", input: { command: line } }];
    await startRun(url, id, [{ deltas: 1, paceMs: 0, tools }]);
  }
  await sleep(500);
  const took = [];
  for (const end = performance.now() + 1000 * Number(values.seconds); performance.now() < end; ) {
    const started = performance.now();
    await call(url, "GET", `/v1/sessions/${ids[0]}`);
    took.push(performance.now() - started);
    await sleep(5);
  }
  await Promise.all(ids.map((id) => call(url, "DELETE", `/v1/sessions/${id}`)));
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99), most: Math.max(...took) };
}

async function underLoad() {
  const upstream = await startUpstream();
  const server = await startServer(join(folder, "data"));
  const agent = await createAgent(server.url, upstream.url, ["bash"]);
  const rows = {};
  for (const [name, bomb] of Object.entries(bombs)) {
    if (values.only !== undefined && !name.includes(values.only)) continue;
    rows[name] = await waits({ url: server.url, agent }, bomb);
    console.error(name, rows[name], `${Math.round(server.memory())} MB`);
  }
  await server.end("SIGTERM");
  upstream.close();
  return rows;
}

try {
  const result = { starts: await startCosts(), waits: await underLoad() };
  console.log(JSON.stringify(result, undefined, 2));
  if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(result));
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
