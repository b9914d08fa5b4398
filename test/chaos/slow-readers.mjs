// Readers that never read: what do they cost the server, and do the others notice?
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { call, createAgent, startRun, startServer } from "./server.mjs";

const readers = 200;
const limitMb = 150;
const sessions = 4;
const runMs = 400;
/** 100 kB of text in 400 ms, so that all sessions make 1 MB/s of deltas; the finished texts come on top. */
const flood = [{ deltas: 50, paceMs: 8, piece: "x".repeat(2000) }];

/** The same load with and without readers that stand still. Returns what was measured and what was wrong. */
export async function slowReaders({ seconds, upstream, log }) {
  const alone = await measure(0, seconds, upstream);
  log(`without them: ${alone.usualMb.toFixed(0)} MB, ${alone.peakMb.toFixed(0)} MB at most`);
  const beside = await measure(readers, seconds, upstream);
  log(`with ${readers}: ${beside.usualMb.toFixed(0)} MB, ${beside.peakMb.toFixed(0)} MB at most`);
  const moreMb = beside.usualMb - alone.usualMb;
  const morePeakMb = beside.peakMb - alone.peakMb;
  const faults = [...alone.faults, ...beside.faults];
  if (moreMb > limitMb) faults.push(`${readers} slow readers cost ${moreMb.toFixed(0)} MB`);
  if (beside.slowest > 2 * alone.slowest + 1000)
    faults.push(`another reader waited ${beside.slowest.toFixed(0)} ms for an event`);
  return {
    readers,
    moreMb: Math.round(moreMb),
    morePeakMb: Math.round(morePeakMb),
    slowestMs: Math.round(beside.slowest),
    faults,
  };
}

async function measure(count, seconds, upstream) {
  const folder = mkdtempSync(join(tmpdir(), "agentry-chaos-"));
  const server = await startServer(join(folder, "data"));
  const sockets = [];
  const memory = [];
  const watch = setInterval(() => memory.push(server.memory()), 100);
  try {
    const agent = await createAgent(server.url, upstream.url, []);
    const open = { agent_id: agent, title: "flood" };
    const ids = await Promise.all(
      Array.from({ length: sessions }, async () => (await call(server.url, "POST", "/v1/sessions", open)).id),
    );
    for (let i = 0; i < count; i += 1) sockets.push(stand(server.url, ids[i % sessions], i % 8 < 4));
    const rounds = Math.round((seconds * 1000) / runMs);
    const read = await Promise.all(ids.map((id) => talk(server.url, id, rounds)));
    const slowest = Math.max(...read.map((one) => one.slowest));
    const faults = read.flatMap((one) => one.faults);
    await sleep(200);
    return { usualMb: usual(memory), peakMb: Math.max(...memory), slowest, faults };
  } finally {
    clearInterval(watch);
    for (const socket of sockets) socket.destroy();
    await server.end("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The median of the second half: what is there when the readers have long stood still, peaks of garbage left out. */
function usual(samples) {
  const late = samples.slice(samples.length / 2).sort((a, b) => a - b);
  return late[Math.floor(late.length / 2)] ?? 0;
}

/** Asks for the stream and never reads it. */
function stand(url, session, sse) {
  const { hostname, port } = new URL(url);
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: { buffer: Buffer.alloc(1), callback: () => false },
  });
  socket.on("error", () => undefined);
  const host = `host: ${hostname}:${port}\r\n`;
  if (sse) {
    socket.write(`GET /v1/sessions/${session}/events HTTP/1.1\r\n${host}accept: text/event-stream\r\n\r\n`);
    return socket;
  }
  const json = JSON.stringify({ sessionId: session });
  const head = Buffer.alloc(5);
  head.writeUInt32BE(json.length, 1);
  const type = "content-type: application/connect+json\r\nconnect-protocol-version: 1\r\n";
  socket.write(
    `POST /agentry.v1.RunService/WatchSession HTTP/1.1\r\n${host}${type}content-length: ${json.length + 5}\r\n\r\n`,
  );
  socket.write(Buffer.concat([head, Buffer.from(json)]));
  return socket;
}

/** One run after the other, each read as one should: every event, and the longest wait for one. */
async function talk(url, session, rounds) {
  const found = { slowest: 0, faults: [] };
  let last = 0;
  for (let round = 0; round < rounds; round += 1) {
    const { id } = await startRun(url, session, flood);
    last = await follow(url, id, last, found);
  }
  return found;
}

async function follow(url, run, after, found) {
  const response = await fetch(`${url}/v1/runs/${run}/events`, { headers: { accept: "text/event-stream" } });
  const decoder = new TextDecoder();
  let rest = "";
  let last = after;
  let at = performance.now();
  for await (const chunk of response.body) {
    found.slowest = Math.max(found.slowest, performance.now() - at);
    at = performance.now();
    const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const id = Number(/^id: (\d+)$/m.exec(frame.slice(0, 200))?.[1] ?? last);
      if (id !== last && id !== last + 1) found.faults.push(`another reader got ${id} after ${last}`);
      last = id;
    }
  }
  return last;
}
