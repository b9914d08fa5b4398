// Kills the server at random moments of a run and looks whether anything that a client knew is gone.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { sessionFaults } from "./check-session.mjs";
import { call, createAgent, history, startRun, startServer, wholeFrames } from "./server.mjs";

const recoveryLimitMs = 5000;
const effect = (name) => ({ name: "bash", input: { command: `echo ${name} >> effects; sleep 0.02` } });
/** Deltas, tools that write and read, and at last an approval that nobody answers. */
const steps = [
  { deltas: 60, paceMs: 2, tools: [effect("first")] },
  {
    deltas: 60,
    paceMs: 2,
    tools: [{ name: "read", input: { path: "effects" } }, effect("second"), effect("third")],
  },
  { deltas: 60, paceMs: 2, tools: [effect("never")] },
];
const approved = ["first", "second", "third"];

/** Runs the kills. Returns what was counted and every fault that was found. */
export async function crash({ runs, random, upstream, log }) {
  const folder = mkdtempSync(join(tmpdir(), "agentry-chaos-"));
  const totals = { kills: 0, events: 0, recoveryMs: 0, faults: [] };
  let server = await startServer(join(folder, "data"));
  try {
    const agent = await createAgent(server.url, upstream.url, ["bash", "read"]);
    const place = { agent, folder };
    const whole = await attempt(server, place, { until: "waiting" });
    await call(server.url, "POST", `/v1/runs/${whole.run}:cancel`, {});
    for (let i = 0; i < runs; i += 1) {
      const killMs = random() * (whole.durationMs + 150);
      const before = await attempt(server, place, { killMs });
      server = await startServer(join(folder, "data"));
      const found = await inspect(server, before, folder);
      totals.kills += 1;
      totals.events += before.received.length;
      totals.recoveryMs = Math.max(totals.recoveryMs, found.recoveryMs);
      totals.faults.push(...found.faults.map((fault) => `kill ${i} after ${killMs.toFixed(0)} ms: ${fault}`));
      if ((i + 1) % 10 === 0)
        log(
          `kills: ${i + 1}, events received before them: ${totals.events}, faults: ${totals.faults.length}`,
        );
    }
    totals.faults.push(...upstream.faults.map((fault) => `a provider would refuse the next turn: ${fault}`));
  } finally {
    await server.end("SIGKILL").catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
  return totals;
}

/** One run with its recorder, until it waits for the last approval or the server is killed. */
async function attempt(server, { agent, folder }, { killMs, until }) {
  const workDir = mkdtempSync(join(folder, "work-"));
  const session = await call(server.url, "POST", "/v1/sessions", {
    agent_id: agent,
    work_dir: workDir,
    title: "chaos",
  });
  const from = performance.now();
  const killed = killMs === undefined ? undefined : sleep(killMs).then(() => server.end("SIGKILL"));
  const recorder = record(server.url, session.id);
  const run = await startRun(server.url, session.id, steps).catch(() => undefined);
  if (until) await recorder.waiting;
  const durationMs = performance.now() - from;
  await killed;
  return { session: session.id, run: run?.id, workDir, durationMs, ...(await recorder.stop()) };
}

/** Keeps the raw bytes of a session's stream, and approves every call but the last. */
function record(url, session) {
  const leave = new AbortController();
  const { promise: waiting, resolve } = Promise.withResolvers();
  const confirmed = [];
  let bytes = "";
  let answered = 0;
  const look = async () => {
    const asked = wholeFrames(bytes).filter(({ name }) => name === "approval_requested");
    for (const { data } of asked.slice(answered)) {
      answered += 1;
      const { id, summary } = JSON.parse(data).approval_requested.approval;
      if (summary.includes("never")) resolve();
      else
        confirmed.push(
          await call(url, "POST", `/v1/approvals/${id}:resolve`, { verdict: "VERDICT_APPROVE" }),
        );
    }
  };
  const read = async () => {
    const headers = { accept: "text/event-stream" };
    const response = await fetch(`${url}/v1/sessions/${session}/events`, { headers, signal: leave.signal });
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      bytes += decoder.decode(chunk, { stream: true });
      look().catch(() => undefined);
    }
  };
  const ended = read().catch(() => undefined);
  return {
    waiting,
    async stop() {
      leave.abort();
      await ended;
      return { received: wholeFrames(bytes), confirmed };
    },
  };
}

/** What is wrong after the restart. */
async function inspect({ url }, { session, run, workDir, received, confirmed }, folder) {
  const from = performance.now();
  const { runs = [] } = await call(url, "GET", `/v1/sessions/${session}/runs`);
  while (
    runs.length > 0 &&
    (await call(url, "GET", `/v1/runs/${runs[0].id}`)).state !== "RUN_STATE_FINISHED"
  ) {
    if (performance.now() - from > recoveryLimitMs)
      return { recoveryMs: recoveryLimitMs, faults: ["the run is not closed"] };
    await sleep(20);
  }
  const recoveryMs = performance.now() - from;
  const faults = run && !runs.some(({ id }) => id === run) ? [`run ${run} was confirmed but is gone`] : [];
  const events = await history(url, session);
  const { messages = [] } = await call(url, "GET", `/v1/sessions/${session}/messages`);
  faults.push(...sessionFaults({ events, received, confirmed, messages }));
  const outcomes = events
    .filter(({ name }) => name === "run_finished")
    .map(({ data }) => JSON.parse(data).run_finished.outcome);
  if (outcomes.some((outcome) => outcome !== "RUN_OUTCOME_INTERRUPTED"))
    faults.push(`the outcome is ${outcomes}`);
  const { approvals = [] } = await call(url, "GET", `/v1/sessions/${session}/approvals`);
  if (approvals.length > 0) faults.push("an approval waits for nobody");
  faults.push(...(await nextTurn(url, session)), ...effects(workDir, events), ...damage(folder));
  return { recoveryMs, faults };
}

/** The session takes the next message; the model server checks the history that it is sent. */
async function nextTurn(url, session) {
  const { id } = await startRun(url, session, [{ deltas: 1, paceMs: 0 }]);
  for (let tries = 0; tries < 250; tries += 1) {
    const { state, outcome } = await call(url, "GET", `/v1/runs/${id}`);
    if (state === "RUN_STATE_FINISHED")
      return outcome === "RUN_OUTCOME_COMPLETED" ? [] : [`the next turn ends with ${outcome}`];
    await sleep(20);
  }
  return ["the next turn does not end"];
}

/** Tool calls that ran more than once, or without a verdict, or of which it is said that they did not run. */
function effects(workDir, events) {
  let lines = [];
  try {
    lines = readFileSync(join(workDir, "effects"), "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    // No call had run.
  }
  const twice = lines.filter((line, i) => lines.indexOf(line) !== i).map((line) => `call ${line} ran twice`);
  const denied = lines.filter((line) => !approved.includes(line)).map((line) => `call ${line} ran`);
  return [...twice, ...denied, ...lines.flatMap((line) => mistold(line, events))];
}

/** What is wrong with the result of a call that had its effect: it has succeeded, or nobody knows. */
function mistold(line, events) {
  const bodies = events.map(({ data }) => JSON.parse(data));
  const calls = bodies.flatMap(({ tool_call_started }) => tool_call_started?.tool_call ?? []);
  const call = calls.find(({ arguments: input }) => input?.command?.startsWith(`echo ${line} `));
  const results = bodies.flatMap(({ tool_call_finished }) => tool_call_finished?.result ?? []);
  const { status, output } = results.find(({ tool_call_id }) => tool_call_id === call?.id) ?? {};
  const isRight =
    status === "TOOL_CALL_STATUS_INTERRUPTED" ? /unknown/.test(output) : status?.endsWith("SUCCEEDED");
  return isRight ? [] : [`call ${line} ran, and its result is ${status}: ${output}`];
}

function damage(folder) {
  const db = new Database(join(folder, "data/agentry.db"), { readonly: true });
  try {
    const found = db.pragma("integrity_check", { simple: true });
    return found === "ok" ? [] : [`the database is damaged: ${found}`];
  } finally {
    db.close();
  }
}
