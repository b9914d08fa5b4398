import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { anthropicAnswer } from "../support/fake-upstream.js";
import type { Place } from "./place.js";
import { openPlace } from "./place.js";

const traceable = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;
if (!traceable) process.stderr.write("the order of disk and wire is not looked at: no strace\n");

/** Follows the system calls of a server that matter here, until it ends. Gives them, in their order. */
async function trace(place: Place): Promise<() => Promise<string[]>> {
  const folder = mkdtempSync(join(tmpdir(), "agentry-trace-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "trace");
  const calls = "trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg";
  const args = ["-f", "-yy", "-s", "9000", "-o", file, "-e", calls, "-p", String(place.server.child.pid)];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(strace, "exit");
  await once(strace.stderr, "data");
  return async () => {
    await place.server.kill();
    await ended;
    return joinHalves(readFileSync(file, "latin1").split("\n"));
  };
}

/** A call that another thread interrupts is in two lines. To the disk it counts from its end, to a socket from its start. */
function joinHalves(lines: readonly string[]): string[] {
  const begun = new Map<string, string>();
  return lines.flatMap((line) => {
    const [thread = ""] = line.split(" ");
    const start = /^(.*) <unfinished \.\.\.>$/.exec(line)?.[1];
    if (start !== undefined && !isWire(line)) {
      begun.set(thread, start);
      return [];
    }
    const end = /<\.\.\. \w+ resumed>(.*)$/.exec(line)?.[1];
    return end === undefined ? [line] : [`${begun.get(thread) ?? ""}${end}`];
  });
}

const isLog = (line: string): boolean => line.includes("agentry.db-wal>");
const isSync = (line: string): boolean =>
  /\bf(data)?sync\(/.test(line) && isLog(line) && line.endsWith("= 0");
const isWrite = (line: string): boolean => /\bpwrite64\(/.test(line) && isLog(line);
const isWire = (line: string): boolean => /\b(write|writev|sendto|sendmsg)\(\d+<TCP/.test(line);

/** What stands between the log's write of a text and the first time that a socket carries it. */
function order(lines: readonly string[], text: string, ownPort: number): string {
  const toClient = (line: string): boolean => line.includes(`:${ownPort}->`);
  const told = lines.findIndex((line) => isWire(line) && toClient(line) && line.includes(text));
  const before = told < 0 ? lines : lines.slice(0, told);
  const written = before.findLastIndex((line) => isWrite(line) && line.includes(text));
  if (told < 0) return "never told";
  if (written < 0) return "told before it was written";
  return before.slice(written).some(isSync) ? "written, synced, told" : "told before it was synced";
}

/** Creates a session and follows a run to its end, with texts that can be found again. */
async function work(place: Place, mark: string): Promise<string[]> {
  const deltas = Array.from({ length: 8 }, (_, i) => `${mark}-delta-${i}.`);
  place.upstream.answer({ body: anthropicAnswer(deltas).split(/(?<=\n\n)/), paceMs: 15 });
  const session = await place.session({ title: `${mark}-title` });
  const watched = fetch(`${place.server.url}/v1/sessions/${session}/events`, {
    headers: { accept: "text/event-stream" },
  });
  const { id } = (await place.start(session, `${mark}-question`)).body;
  const reader = (await watched).body?.getReader();
  for (let text = ""; !text.includes("event: run_finished"); )
    text += Buffer.from((await reader?.read())?.value ?? []).toString();
  await place.finished(id);
  await reader?.cancel();
  return [`${mark}-title`, `${mark}-question`, ...deltas];
}

it.skipIf(!traceable)(
  "nobody is told what has not been synced to the disk, at the first start and at the second",
  async () => {
    const place = await openPlace();
    for (const mark of ["first", "second"]) {
      const stop = await trace(place);
      const texts = await work(place, mark);
      const { port } = place.server;
      const lines = await stop();
      const found = texts.map((text) => [text, order(lines, text, port)]);
      expect(found).toEqual(texts.map((text) => [text, "written, synced, told"]));
      await place.restart();
    }
  },
  60_000,
);
