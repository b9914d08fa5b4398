import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import type { Store } from "../core/store.js";
import type { Closing } from "./active-run.js";
import { childEvent } from "./child-run.js";
import { closedByRestart, closeOpenItems } from "./close-run.js";
import type { QueuedRun } from "./lane.js";
import type { EngineParts } from "./lane-runs.js";
import { RunProgress } from "./run-progress.js";
import type { RunHand } from "./run-writer.js";
import { RunWriter } from "./run-writer.js";

const page = { limit: 1000, maxBytes: 4 * 1024 * 1024 };

/**
 * Closes the runs that a process before this one left at work: as interrupted, with every item finished
 * and every tool call answered. Returns those that had not begun.
 */
export async function recoverRuns(parts: EngineParts): Promise<QueuedRun[]> {
  const unfinished = await parts.store.runs.unfinished();
  // Children before their parents, whose logs hold what those of their children do.
  for (const run of unfinished.toReversed()) {
    if (run.state !== RunState.QUEUED) await closeInterrupted(parts, run);
  }
  const queued: QueuedRun[] = [];
  for (const run of unfinished) {
    if (run.state !== RunState.QUEUED) continue;
    const details = await parts.store.runs.details(run.id);
    if (details) queued.push({ run, details, steers: undefined });
  }
  return queued;
}

async function closeInterrupted(parts: EngineParts, run: Run): Promise<void> {
  const epoch = await parts.store.sessions.claim(run.sessionId);
  if (epoch === undefined) return;
  parts.epochs.set(run.sessionId, epoch);
  const held = await parts.logs.hold(run.sessionId);
  try {
    await closeFromLog(parts, { run, log: held.log, epoch }, interrupted);
  } finally {
    held.release();
  }
}

const interrupted: Closing = { outcome: RunOutcome.INTERRUPTED, reason: closedByRestart };

/** Closes a run by what its log holds, whatever else had become of it. */
export async function closeFromLog(
  parts: EngineParts,
  { run, log, epoch }: Omit<RunHand, "messages" | "stamp">,
  { outcome, failure, reason }: Closing,
): Promise<void> {
  const progress = await readProgress(parts.store, run);
  if (progress.finished) return;
  const writer = new RunWriter({ run, log, epoch, messages: [], stamp: parts.stamp }, progress);
  await copyRest(parts, writer);
  const writes = [...closeOpenItems(writer, reason), ...writer.finish(outcome, failure)];
  const result = await log.commit(writes, epoch);
  if (result !== "written") parts.onBug(new Error(`run ${run.id} could not be closed: ${result}`));
}

/** Copies what had not been copied of the child sessions that work for open calls, up to their ends. */
async function copyRest({ store }: EngineParts, writer: RunWriter): Promise<void> {
  const { calls, results, copied } = writer.progress;
  const open = new Set(calls.flatMap(({ id }) => (results.has(id) ? [] : [id])));
  if (open.size === 0) return;
  for await (const { id, parentToolCallId } of childSessions(store, writer.run.sessionId)) {
    if (!open.has(parentToolCallId)) continue;
    for (;;) {
      const events = await store.events.read({ ...page, sessionId: id, after: copied.get(id) ?? 0 });
      if (events.length === 0) break;
      const writes = events.map((event) => childEvent(writer, parentToolCallId, event));
      // A refusal shows again when the run is closed.
      await writer.log.commit(writes, writer.epoch);
    }
  }
}

async function* childSessions(store: Store, parentId: string): AsyncGenerator<Session, void> {
  let cursor: string | undefined;
  do {
    const { items, cursor: next } = await store.sessions.list({ limit: 100, cursor }, parentId);
    yield* items;
    cursor = next;
  } while (cursor !== undefined);
}

async function readProgress(store: Store, run: Run): Promise<RunProgress> {
  const progress = new RunProgress();
  for (let at = Math.max(run.firstSeq - 1, 0); ; ) {
    const events = await store.events.read({ ...page, sessionId: run.sessionId, after: at, runId: run.id });
    for (const event of events) progress.apply(event);
    const last = events.at(-1);
    if (!last) return progress;
    at = last.seq;
  }
}
