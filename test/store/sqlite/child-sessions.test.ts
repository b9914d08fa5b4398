import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ApprovalSchema, ApprovalState } from "../../../gen/agentry/v1/event_pb.js";
import { SessionSchema } from "../../../gen/agentry/v1/sessions_pb.js";
import { newId } from "../../../src/core/id.js";
import type { Store } from "../../../src/core/store.js";
import { tempStore } from "../sample.js";

async function add(store: Store, parentSessionId = ""): Promise<string> {
  const id = newId();
  await store.sessions.insert(create(SessionSchema, { id, parentSessionId, parentToolCallId: "call" }));
  return id;
}

async function ask(store: Store, sessionId: string): Promise<string> {
  const approval = create(ApprovalSchema, { id: newId(), sessionId, state: ApprovalState.PENDING });
  await store.commit([{ sessionId, writes: [{ type: "approval", approval }] }]);
  return approval.id;
}

const ids = (items: readonly { readonly id: string }[]): string[] => items.map(({ id }) => id);

it("lists child sessions by their parent, and nowhere else", async () => {
  const store = await tempStore();
  const top = await add(store);
  const first = await add(store, top);
  const second = await add(store, top);
  const below = await add(store, first);
  const list = async (parent?: string) => ids((await store.sessions.list({ limit: 9 }, parent)).items);
  expect(await list()).toEqual([top]);
  expect(await list(top)).toEqual([second, first]);
  expect(await list(first)).toEqual([below]);
  expect(await list("none")).toEqual([]);
  expect(await store.sessions.get(below)).toMatchObject({ parentSessionId: first, parentToolCallId: "call" });
  const page = await store.sessions.list({ limit: 1 }, top);
  expect(ids((await store.sessions.list({ limit: 1, cursor: page.cursor }, top)).items)).toEqual([first]);
  await expect(store.sessions.list({ limit: 1, cursor: page.cursor })).rejects.toMatchObject({
    reason: "invalid",
  });
});

it("lists what a session's child sessions ask with what it asks itself", async () => {
  const store = await tempStore();
  const top = await add(store);
  const child = await add(store, top);
  const below = await add(store, child);
  const other = await add(store);
  const asked = [];
  for (const id of [below, top, child]) asked.push(await ask(store, id));
  const foreign = await ask(store, other);
  const list = async (sessionId?: string) =>
    ids(await store.approvals.list({ ...(sessionId && { sessionId }), state: ApprovalState.PENDING }));
  expect(await list(top)).toEqual(asked);
  expect(await list(child)).toEqual([asked[0], asked[2]]);
  expect(await list(other)).toEqual([foreign]);
  expect(await list()).toEqual([...asked, foreign]);
});

it("changes a session's agent with what else is written", async () => {
  const store = await tempStore();
  const id = await add(store);
  await store.commit([{ sessionId: id, writes: [{ type: "agent", agentId: "next" }] }]);
  expect(await store.sessions.get(id)).toMatchObject({ agentId: "next", parentToolCallId: "call" });
});
