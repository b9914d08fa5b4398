import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import {
  CreateAgentRequestSchema,
  DelegateMode,
  DeleteAgentRequestSchema,
  UpdateAgentRequestSchema,
} from "../../gen/agentry/v1/agents_pb.js";
import {
  ApprovalMode,
  ListSessionsRequestSchema,
  SessionSchema,
  UpdateSessionRequestSchema,
} from "../../gen/agentry/v1/sessions_pb.js";
import { openServices } from "./open-services.js";

const model = { provider: "fake", name: "one" };
const { TASK, HANDOFF } = DelegateMode;

async function openPair() {
  const services = await openServices();
  const createAgent = async (delegates: object[]) =>
    (
      await services.agents.createAgent(
        create(CreateAgentRequestSchema, { agent: { name: "a", model, delegates } }),
      )
    ).agent!;
  return { ...services, createAgent, other: (await createAgent([])).id };
}

it.each<[string, (other: string) => object[], RegExp]>([
  ["without an agent", () => [{ mode: TASK }], /^delegates\[0\]\.agent_id is required/],
  [
    "that is not there",
    (other) => [{ agentId: other }, { agentId: "none" }],
    /^delegates\[1\]\.agent_id: there is no/,
  ],
  [
    "of a mode that nobody knows",
    (other) => [{ agentId: other, mode: 9 }],
    /^delegates\[0\]\.mode has the unknown/,
  ],
  [
    "twice",
    (other) => [{ agentId: other }, { agentId: other, mode: TASK }],
    /^delegates\[1\] is there before/,
  ],
  ["too many", (other) => Array(21).fill({ agentId: other }), /^delegates has 21 entries/],
])("an agent has no delegate %s", async (_case, delegates, message) => {
  const { createAgent, other } = await openPair();
  await expect(createAgent(delegates(other))).rejects.toMatchObject({
    reason: "invalid",
    message: expect.stringMatching(message),
  });
});

it("an agent gives tasks to its delegates unless it says otherwise, and may have one in both modes", async () => {
  const { createAgent, other } = await openPair();
  const { delegates } = await createAgent([{ agentId: other }, { agentId: other, mode: HANDOFF }]);
  expect(delegates.map(({ mode }) => mode)).toEqual([TASK, HANDOFF]);
});

it("an agent can be changed after a delegate of it was deleted, and can give tasks to itself", async () => {
  const { agents, createAgent, other } = await openPair();
  const { id } = await createAgent([{ agentId: other }]);
  await agents.deleteAgent(create(DeleteAgentRequestSchema, { agentId: other }));
  const update = (changes: object) =>
    agents.updateAgent(create(UpdateAgentRequestSchema, { agent: { id, ...changes } }));
  expect((await update({ description: "d" })).agent?.delegates).toHaveLength(1);
  const own = { delegates: [{ agentId: other }, { agentId: id }] };
  expect((await update(own)).agent?.delegates).toHaveLength(2);
  await expect(update({ delegates: [{ agentId: id, mode: HANDOFF }] })).rejects.toMatchObject({
    reason: "invalid",
  });
  await expect(update({ delegates: [{ agentId: "none" }] })).rejects.toMatchObject({ reason: "invalid" });
});

it("child sessions are listed by their parent alone, and have its mode", async () => {
  const { sessions, room } = await openServices();
  const parent = await room.session();
  const child = { id: "child", parentSessionId: parent, approvalMode: ApprovalMode.ASK };
  await room.store.sessions.insert(create(SessionSchema, child));
  const list = async (parentSessionId = "") =>
    (await sessions.listSessions(create(ListSessionsRequestSchema, { parentSessionId }))).sessions.map(
      ({ id }) => id,
    );
  expect(await list()).toEqual([parent]);
  expect(await list(parent)).toEqual(["child"]);
  expect(await list("child")).toEqual([]);
  await expect(list("none")).rejects.toMatchObject({ reason: "not_found" });
  const update = (session: object) =>
    sessions.updateSession(create(UpdateSessionRequestSchema, { session: { id: "child", ...session } }));
  await expect(update({ approvalMode: ApprovalMode.AUTO })).rejects.toMatchObject({ reason: "invalid" });
  expect((await update({ title: "t", approvalMode: ApprovalMode.ASK })).session).toMatchObject({
    title: "t",
    parentSessionId: parent,
  });
});
