import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { ElicitationSchema } from "../../../gen/agentry/v1/event_pb.js";
import { UsageSchema } from "../../../gen/agentry/v1/message_pb.js";
import { RunState } from "../../../gen/agentry/v1/run_pb.js";
import { newId } from "../../../src/core/id.js";
import type { Store, Write } from "../../../src/core/store.js";
import { approval, deltas, details, message, newSession, run, tempDir, tempStore } from "../sample.js";

const tables = ["approvals", "elicitations", "usage", "runs", "messages", "events"] as const;

/** Runs a deletion, and returns the most that was removed between two turns of the event loop. */
async function mostAtOnce(path: string, remove: () => Promise<unknown>) {
  const db = new Database(path, { readonly: true });
  const left = db.prepare<[], { rows: number; bytes: number }>(
    `SELECT count(*) AS rows, coalesce(sum(bytes), 0) AS bytes FROM (${tables
      .map((table) => `SELECT ${table === "usage" ? "0" : "length(data)"} AS bytes FROM ${table}`)
      .join(" UNION ALL ")})`,
  );
  const most = { rows: 0, bytes: 0 };
  let done = false;
  let before = left.get()!;
  const finished = remove().then(() => {
    done = true;
  });
  while (!done) {
    await nextTurn();
    const now = left.get()!;
    most.rows = Math.max(most.rows, before.rows - now.rows);
    most.bytes = Math.max(most.bytes, before.bytes - now.bytes);
    before = now;
  }
  await finished;
  expect(left.get()).toEqual({ rows: 0, bytes: 0 });
  db.close();
  return most;
}

/** A finished run with one row in every table. */
function turn(sessionId: string, state = RunState.FINISHED): Write[] {
  const mine = run(sessionId, { state });
  return [
    { type: "run", run: mine, details: details(sessionId) },
    { type: "message", message: message(sessionId, "words") },
    { type: "approval", approval: approval(sessionId, mine.id) },
    {
      type: "elicitation",
      elicitation: create(ElicitationSchema, { id: newId(), sessionId, runId: mine.id }),
    },
    { type: "usage", runId: mine.id, purpose: 1, model: "m", usage: create(UsageSchema) },
    ...deltas(sessionId, "words").writes,
  ];
}

async function fill(store: Store, writes: (sessionId: string) => Write[]): Promise<string> {
  const sessionId = await newSession(store);
  expect(await store.commit([{ sessionId, writes: writes(sessionId) }])).toEqual(["written"]);
  return sessionId;
}

it("removes at most so many rows at once, of all tables and sessions together", async () => {
  const path = join(tempDir(), "test.db");
  const store = await tempStore(path);
  const ids: string[] = [];
  for (let i = 0; i < 3; i += 1)
    ids.push(await fill(store, (id) => Array.from({ length: 600 }, () => turn(id)).flat()));
  const most = await mostAtOnce(path, () => Promise.all(ids.map((id) => store.sessions.delete(id))));
  expect(most.rows).toBeLessThanOrEqual(2000);
});

it("removes fewer rows at once where they are large", async () => {
  const path = join(tempDir(), "test.db");
  const store = await tempStore(path);
  const text = "x".repeat(100_000);
  const id = await fill(store, (sessionId) => [...deltas(sessionId, ...Array(50).fill(text)).writes]);
  const { bytes } = await mostAtOnce(path, () => store.sessions.delete(id));
  expect(bytes).toBeLessThan(1024 * 1024 + 2 * text.length);
});

it("shows nothing more of a session that is being removed", async () => {
  const store = await tempStore();
  const writes: Write[] = [];
  const id = await fill(store, (sessionId) => {
    writes.push(...turn(sessionId, RunState.RUNNING));
    return writes;
  });
  const ids = writes.flatMap((write) => {
    if (write.type === "run") return [write.run.id];
    if (write.type === "approval") return [write.approval.id];
    return write.type === "elicitation" ? [write.elicitation.id] : [];
  });
  const seen = async () => [
    await store.runs.get(ids[0]!),
    (await store.runs.details(ids[0]!))?.input.id,
    ...(await store.runs.unfinished()),
    await store.approvals.get(ids[1]!),
    ...(await store.approvals.list({})),
    ...(await store.approvals.list({ runId: ids[0]! })),
    await store.elicitations.get(ids[2]!),
    ...(await store.elicitations.list({})),
  ];
  expect((await seen()).filter(Boolean)).toHaveLength(8);
  const deleting = store.sessions.delete(id);
  expect((await seen()).filter(Boolean)).toEqual([]);
  await deleting;
});
