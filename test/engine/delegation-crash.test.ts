import { copyFileSync } from "node:fs";
import { expect, it } from "vitest";
import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import { systemClock } from "../../src/core/clock.js";
import type { Store } from "../../src/core/store.js";
import { validHistory } from "../../src/engine/history.js";
import { openSqliteStore } from "../../src/store/sqlite/open.js";
import type { Member } from "./delegation-room.js";
import { copies, gives, openTeam, uses } from "./delegation-room.js";
import { databaseFile, ending, kinds, openRoom, replaced, says } from "./room.js";

const { TASK, HANDOFF } = DelegateMode;
const words = Array.from({ length: 30 }, (_, i) => `w${i} `);

/** Runs a team and copies the database after each transaction, as a crash would leave it. */
async function crashes(members: Readonly<Record<string, Member>>) {
  const file = databaseFile();
  const files: string[] = [];
  const copyAfter = (real: Store): Store =>
    replaced(real, {
      async commit(batches) {
        const results = await real.commit(batches);
        const copy = databaseFile();
        for (const suffix of ["", "-wal"]) copyFileSync(file + suffix, copy + suffix);
        files.push(copy);
        return results;
      },
    });
  const team = await openTeam(members, { file, store: copyAfter });
  const session = await team.open();
  await team.finished(await team.start(session, "go"));
  await team.close();
  return { files, session, ids: team.ids };
}

async function* slowly() {
  for (const event of says(words.join(""), words)) {
    yield event;
    await new Promise(setImmediate);
  }
}

const readAll = (store: Store, sessionId: string): Promise<Event[]> =>
  store.events.read({ sessionId, after: 0, limit: 1e5, maxBytes: 1e9 });

/** The log of a session and those below it, each with its copies in the one above. */
async function family(
  store: Store,
  sessionId: string,
): Promise<{ log: Event[]; copy: Event[] | undefined }[]> {
  const log = await readAll(store, sessionId);
  const { items } = await store.sessions.list({ limit: 100 }, sessionId);
  const below = await Promise.all(
    items.map(async ({ id }) => {
      const [first, ...rest] = await family(store, id);
      return [{ log: first!.log, copy: copies(log).get(id) ?? [] }, ...rest];
    }),
  );
  return [{ log, copy: undefined }, ...below.flat()];
}

it("wherever a server dies, a parent's log holds a beginning of its child's, and all of it afterwards", async () => {
  const { files, session } = await crashes({
    Top: { script: gives(["Middle", "one"], ["Middle", "two"]), gives: { Middle: TASK } },
    Middle: { script: gives(["Bottom", "deep"]), gives: { Bottom: TASK } },
    Bottom: { script: slowly },
  });
  expect(files.length).toBeGreaterThan(30);
  let behind = 0;
  for (const file of files) {
    const store = await openSqliteStore({ path: file, clock: systemClock });
    for (const { log, copy } of await family(store, session)) {
      if (copy) expect(log.slice(0, copy.length)).toEqual(copy);
      if (copy && copy.length < log.length) behind += 1;
    }
    await store.close();
    const room = await openRoom(() => says("ok"), { file });
    const members = await family(room.store, session);
    for (const { log, copy } of members) {
      if (copy) expect(copy).toEqual(log);
      if (log.length === 0) continue;
      const names = kinds(log);
      for (const kind of ["step", "text", "toolInput", "toolCall"])
        expect(names.filter((name) => name === `${kind}Started`).length).toBe(
          names.filter((name) => name === `${kind}Finished`).length,
        );
      expect([RunOutcome.COMPLETED, RunOutcome.INTERRUPTED]).toContain(ending(log).outcome);
      const messages = await room.messages(log[0]!.sessionId);
      expect(validHistory(messages)).toEqual(messages);
      expect((await room.store.runs.get(log[0]!.runId))?.state).toBe(RunState.FINISHED);
    }
    expect(room.bugs).toEqual([]);
    await room.close();
  }
  expect(behind).toBeGreaterThan(0);
}, 60_000);

it("wherever a server dies, a session has the agent that its log says took it over", async () => {
  const { files, session, ids } = await crashes({
    A: { script: uses("handoff", { agent: "B" }), gives: { B: HANDOFF } },
    B: { script: slowly },
  });
  const seen = new Set<boolean>();
  for (const file of files) {
    const store = await openSqliteStore({ path: file, clock: systemClock });
    const changed = kinds(await readAll(store, session)).includes("agentChanged");
    expect((await store.sessions.get(session))?.agentId).toBe(changed ? ids.B : ids.A);
    await store.close();
    seen.add(changed);
  }
  expect(seen.size).toBe(2);
});
