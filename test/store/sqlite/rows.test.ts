import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { AgentSchema } from "../../../gen/agentry/v1/agents_pb.js";
import type { Approval } from "../../../gen/agentry/v1/event_pb.js";
import { ApprovalState, ElicitationSchema, ElicitationState } from "../../../gen/agentry/v1/event_pb.js";
import { RunState } from "../../../gen/agentry/v1/run_pb.js";
import { ApprovalMode, SessionSchema } from "../../../gen/agentry/v1/sessions_pb.js";
import { newId } from "../../../src/core/id.js";
import type { Page, Paged, Store } from "../../../src/core/store.js";
import { openSqliteStore } from "../../../src/store/sqlite/open.js";
import {
  allEvents,
  approval,
  clock,
  delta,
  deltas,
  details,
  event,
  message,
  newSession,
  noon,
  run,
  tempDir,
  tempStore,
} from "../sample.js";

async function pagesOf<T>(read: (page: Page) => Promise<Paged<T>>, limit: number): Promise<T[][]> {
  const pages: T[][] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit, cursor });
    pages.push(page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return pages;
}

describe("agents", () => {
  it("are kept, changed and deleted", async () => {
    const store = await tempStore();
    const agent = create(AgentSchema, { id: newId(), name: "One", labels: { a: "b" } });
    await store.agents.insert(agent);
    expect(await store.agents.get(agent.id)).toEqual(agent);
    await expect(store.agents.insert(agent)).rejects.toMatchObject({ reason: "conflict" });
    const changed = { ...agent, name: "Two" };
    expect(await store.agents.update(changed)).toBe(true);
    expect(await store.agents.get(agent.id)).toEqual(changed);
    expect(await store.agents.delete(agent.id)).toBe(true);
    expect(await store.agents.delete(agent.id)).toBe(false);
    expect(await store.agents.update(agent)).toBe(false);
    expect(await store.agents.get(agent.id)).toBeUndefined();
  });
});

describe("lists", () => {
  interface List {
    add(store: Store, sessionId: string): Promise<string>;
    read(store: Store, sessionId: string): (page: Page) => Promise<Paged<{ readonly id: string }>>;
  }
  const lists: Record<string, List> = {
    agents: {
      add: async (store: Store) => {
        const id = newId();
        await store.agents.insert(create(AgentSchema, { id }));
        return id;
      },
      read: (store: Store) => (page: Page) => store.agents.list(page),
    },
    sessions: {
      add: (store: Store) => newSession(store),
      read: (store: Store) => (page: Page) => store.sessions.list(page),
    },
    runs: {
      add: async (store: Store, sessionId: string) => {
        const one = run(sessionId, { state: RunState.QUEUED });
        await store.commit([{ sessionId, writes: [{ type: "run", run: one }] }]);
        return one.id;
      },
      read: (store: Store, sessionId: string) => (page: Page) => store.runs.list(sessionId, page),
    },
  };
  it.each(Object.entries(lists))("of %s go page by page, newest first", async (name, { add, read }) => {
    const store = await tempStore();
    const sessionId = name === "runs" ? await newSession(store) : "";
    expect(await pagesOf(read(store, sessionId), 3)).toEqual([[]]);
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) ids.unshift(await add(store, sessionId));
    const pages = await pagesOf(read(store, sessionId), 3);
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat().map((item) => item.id)).toEqual(ids);
    expect(await pagesOf(read(store, sessionId), 7)).toHaveLength(1);
  });

  it("keep their place when items come and go", async () => {
    const store = await tempStore();
    const ids = [];
    for (let i = 0; i < 4; i += 1) ids.unshift(await newSession(store));
    const { cursor } = await store.sessions.list({ limit: 2 });
    await newSession(store);
    await store.sessions.delete(ids[1]!);
    await store.sessions.delete(ids[2]!);
    const { items } = await store.sessions.list({ limit: 2, cursor });
    expect(items.map((item) => item.id)).toEqual([ids[3]]);
  });

  it.each([
    "",
    "abc",
    "%%%",
    "c2Vzc2lvbnM6LTE",
    "c2Vzc2lvbnM6MQ==",
    "cnVuczox",
    `c2Vzc2lvbnM6${"MTEx".repeat(99)}`,
  ])("refuse the cursor %j", async (cursor) => {
    const store = await tempStore(":memory:");
    await newSession(store);
    await expect(store.sessions.list({ limit: 2, cursor })).rejects.toMatchObject({ reason: "invalid" });
  });
});

describe("sessions", () => {
  it("change only what an update may change", async () => {
    const store = await tempStore();
    const expiresAt = timestampFromMs(noon + 1);
    const id = await newSession(store, { owner: "me", labels: { a: "b" }, expiresAt });
    await store.commit([deltas(id, "x")]);
    const update = create(SessionSchema, {
      id,
      title: "New",
      agentId: "agent",
      workDir: "/work",
      approvalMode: ApprovalMode.AUTO,
      labels: { c: "d" },
      owner: "someone else",
      lastSeq: 99,
      createdAt: timestampFromMs(1),
      updatedAt: timestampFromMs(noon + 5),
    });
    expect(await store.sessions.update(update)).toBe(true);
    const stored = await store.sessions.get(id);
    expect(stored).toMatchObject({
      ...update,
      owner: "me",
      lastSeq: 1,
      createdAt: timestampFromMs(noon),
      usage: {},
    });
    expect(stored?.expiresAt).toBeUndefined();
    expect(await store.sessions.update(create(SessionSchema, { id: newId() }))).toBe(false);
    expect(await store.sessions.claim(newId())).toBeUndefined();
  });
});

describe("a deleted session", () => {
  async function fill(store: Store) {
    const id = await newSession(store);
    const mine = run(id);
    const asked = approval(id, mine.id);
    const elicited = create(ElicitationSchema, { id: newId(), sessionId: id, runId: mine.id });
    await store.commit([
      {
        sessionId: id,
        writes: [
          { type: "run", run: mine, details: details(id) },
          { type: "message", message: message(id, "secret words") },
          { type: "approval", approval: asked },
          { type: "elicitation", elicitation: elicited },
          ...Array.from({ length: 5000 }, () => event(delta(id, "secret words", mine.id))),
        ],
      },
    ]);
    return { id, runId: mine.id, approvalId: asked.id, elicitationId: elicited.id };
  }

  it("takes with it all that belongs to it", async () => {
    const path = join(tempDir(), "test.db");
    const store = await tempStore(path);
    const kept = await fill(store);
    const gone = await fill(store);
    const deleting = store.sessions.delete(gone.id);
    expect(await store.sessions.get(gone.id)).toBeUndefined();
    expect(await store.commit([deltas(gone.id, "late")])).toEqual(["missing"]);
    expect(await deleting).toBe(true);
    expect(await store.sessions.delete(gone.id)).toBe(false);
    expect(await store.runs.get(gone.runId)).toBeUndefined();
    expect(await store.runs.details(gone.runId)).toBeUndefined();
    expect(await store.approvals.get(gone.approvalId)).toBeUndefined();
    expect(await store.elicitations.get(gone.elicitationId)).toBeUndefined();
    expect(await allEvents(store, kept.id)).toHaveLength(5000);
    expect((await store.sessions.list({ limit: 9 })).items.map((each) => each.id)).toEqual([kept.id]);
    const db = new Database(path, { readonly: true });
    for (const table of ["sessions", "messages", "runs", "run_details", "approvals", "elicitations"]) {
      expect([table, db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()]).toEqual([table, 1]);
    }
    expect(db.prepare("SELECT count(*) FROM events").pluck().get()).toBe(5000);
    db.close();
  });

  it("is removed to its end after a restart", async () => {
    const path = join(tempDir(), "test.db");
    const store = await openSqliteStore({ path, clock });
    const { id } = await fill(store);
    const interrupted = store.sessions.delete(id);
    await store.close();
    await expect(interrupted).rejects.toMatchObject({ reason: "unavailable" });
    await tempStore(path);
    const db = new Database(path, { readonly: true });
    const left = db.prepare("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM events)").pluck();
    await expect.poll(() => left.get()).toBe(0);
    db.close();
  });
});

describe("approvals and elicitations", () => {
  it("are listed by session, run and state, oldest first", async () => {
    const store = await tempStore();
    const sessions = [await newSession(store), await newSession(store)];
    const all: Approval[] = [];
    for (const sessionId of sessions) {
      const mine = run(sessionId);
      for (const state of [ApprovalState.PENDING, ApprovalState.DENIED]) {
        const asked = approval(sessionId, mine.id, state);
        all.push(asked);
        const writes = [
          { type: "run", run: mine },
          { type: "approval", approval: asked },
        ] as const;
        await store.commit([{ sessionId, writes }]);
      }
    }
    const ids = async (filter: Parameters<Store["approvals"]["list"]>[0]) =>
      (await store.approvals.list(filter)).map((each) => all.findIndex((one) => one.id === each.id));
    expect(await ids({})).toEqual([0, 1, 2, 3]);
    expect(await ids({ state: ApprovalState.PENDING })).toEqual([0, 2]);
    expect(await ids({ sessionId: sessions[1]! })).toEqual([2, 3]);
    expect(await ids({ runId: all[0]!.runId, state: ApprovalState.DENIED })).toEqual([1]);
    expect(await ids({ sessionId: newId() })).toEqual([]);
    expect(await store.approvals.get(all[2]!.id)).toEqual(all[2]);
  });

  it("have answers that the first one wins", async () => {
    const store = await tempStore();
    const sessionId = await newSession(store);
    const asked = create(ElicitationSchema, { id: newId(), sessionId, state: ElicitationState.PENDING });
    const answer = (state: ElicitationState) =>
      store.commit([
        {
          sessionId,
          writes: [{ type: "elicitation", elicitation: { ...asked, state }, from: ElicitationState.PENDING }],
        },
      ]);
    expect(await answer(ElicitationState.ACCEPTED)).toEqual(["conflict"]);
    await store.commit([{ sessionId, writes: [{ type: "elicitation", elicitation: asked }] }]);
    expect(await answer(ElicitationState.ACCEPTED)).toEqual(["written"]);
    expect(await answer(ElicitationState.DECLINED)).toEqual(["conflict"]);
    expect(await store.elicitations.list({ state: ElicitationState.ACCEPTED })).toHaveLength(1);
  });
});

describe("runs", () => {
  it("are found by request id within their session, with their details", async () => {
    const store = await tempStore();
    const [sessionId, other] = [await newSession(store), await newSession(store)];
    const mine = run(sessionId, { requestId: "again", steps: 3 });
    const given = details(sessionId);
    await store.commit([{ sessionId, writes: [{ type: "run", run: mine, details: given }] }]);
    await store.commit([{ sessionId, writes: [{ type: "run", run: mine }] }]);
    expect(await store.runs.findByRequestId(sessionId, "again")).toEqual(mine);
    expect(await store.runs.findByRequestId(other, "again")).toBeUndefined();
    expect(await store.runs.findByRequestId(sessionId, "")).toBeUndefined();
    expect(await store.runs.details(mine.id)).toEqual(given);
    expect(await store.runs.details(newId())).toBeUndefined();
  });
});
