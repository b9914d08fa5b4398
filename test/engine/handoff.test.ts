import { expect, it } from "vitest";
import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { Role, ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { RuleEffect } from "../../gen/agentry/v1/rule_pb.js";
import { RunState, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import type { Member } from "./delegation-room.js";
import { copies, deny, gives, openTeam, rule, uses } from "./delegation-room.js";
import { bodies, calls, ending, gate, kinds, says, tool } from "./room.js";

const { TASK, HANDOFF } = DelegateMode;
const toB = { script: uses("handoff", { agent: "B" }), gives: { B: HANDOFF } };

it("another agent takes the conversation over, for this run and those that follow", async () => {
  const team = await openTeam(
    { A: { ...toB, tools: ["look"] }, B: { script: () => says("Here is B."), tools: ["change"] } },
    {
      tools: [tool("look"), tool("change")],
    },
  );
  const session = await team.open();
  const run = await team.start(session, "go");
  const events = await team.finished(run);
  expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  expect(bodies(events, "agentChanged")).toMatchObject([
    { previousAgentId: team.ids.A, agentId: team.ids.B, agentName: "B" },
  ]);
  expect(kinds(events).slice(8, 13)).toEqual([
    "toolCallStarted",
    "agentChanged",
    "toolCallFinished",
    "messageAdded",
    "stepStarted",
  ]);
  expect(team.requests[1]).toMatchObject({ system: "B" });
  expect(team.requests[1]!.tools.map(({ name }) => name)).toEqual(["change"]);
  expect(team.requests[1]!.messages).toHaveLength(3);
  const assistants = (await team.messages(session)).filter(({ role }) => role === Role.ASSISTANT);
  expect(assistants.map(({ agentId }) => agentId)).toEqual([team.ids.A, team.ids.B]);
  expect((await team.store.sessions.get(session))?.agentId).toBe(team.ids.B);
  expect((await team.store.runs.get(run.id))?.agentId).toBe(team.ids.B);
  await team.finished(await team.start(session, "and now?"));
  expect(team.requests[2]).toMatchObject({ system: "B" });
});

it("an agent sheds no rule by it, in the same run", async () => {
  const member = (rules: Member["rules"], next?: string): Member => ({
    script: next ? uses("handoff", { agent: next }) : uses("change"),
    gives: next ? { [next]: HANDOFF } : {},
    tools: ["change"],
    rules: rules ?? [],
  });
  const team = await openTeam(
    {
      A: member([deny("change")], "B"),
      B: {
        ...member([], "C"),
        script: (request, _turn, signal) => uses("handoff", { agent: "C" })(request, 1, signal),
      },
      C: {
        ...member([rule(RuleEffect.ALLOW, "*")]),
        script: (request) => (request.messages.length === 5 ? calls({ name: "change" }) : says("ok")),
      },
    },
    { tools: [tool("change")] },
  );
  const session = await team.open();
  const events = await team.finished(await team.start(session, "go"));
  const statuses = bodies(events, "toolCallFinished").map(({ result }) => [result?.name, result?.status]);
  expect(statuses).toEqual([
    ["handoff", ToolCallStatus.SUCCEEDED],
    ["handoff", ToolCallStatus.SUCCEEDED],
    ["change", ToolCallStatus.DENIED],
  ]);
});

it("is done once in a step", async () => {
  const team = await openTeam({
    A: {
      script: () =>
        calls({ name: "handoff", input: { agent: "B" } }, { name: "handoff", input: { agent: "C" } }),
      gives: { B: HANDOFF, C: HANDOFF },
    },
    B: {},
    C: {},
  });
  const events = await team.finished(await team.start(await team.open(), "go"));
  expect(bodies(events, "agentChanged")).toHaveLength(1);
  expect(bodies(events, "toolCallFinished").map(({ result }) => result?.status)).toEqual([
    ToolCallStatus.SUCCEEDED,
    ToolCallStatus.FAILED,
  ]);
});

it("is taken up by a message that waits, unless it is for another agent", async () => {
  const door = gate();
  const team = await openTeam({
    A: {
      async *script(request, turn, signal) {
        await door.wait();
        yield* toB.script(request, turn, signal) as Iterable<never>;
      },
      gives: toB.gives,
    },
    B: {},
    C: {},
  });
  const session = await team.open();
  const first = await team.start(session, "go");
  await door.reached;
  const queue = { whenBusy: WhenBusy.QUEUE };
  const next = await team.start(session, "next", { ...queue, instructions: "B, said otherwise" });
  const other = await team.start(session, "other", { ...queue, agentId: team.ids.C! });
  door.open();
  for (const run of [first, next, other]) await team.finished(run);
  expect(team.requests.map(({ system }) => system)).toEqual(["A", "B", "B, said otherwise", "C"]);
  expect(await team.store.runs.get(next.id)).toMatchObject({ agentId: team.ids.B, state: RunState.FINISHED });
  expect((await team.store.runs.details(next.id))?.agent.id).toBe(team.ids.B);
});

it("within a child session changes that session alone", async () => {
  const team = await openTeam({ Lead: { script: gives(["A", "x"]), gives: { A: TASK } }, A: toB, B: {} });
  const session = await team.open();
  const events = await team.finished(await team.start(session, "go"));
  const [child] = await team.children(session);
  expect(child?.agentId).toBe(team.ids.B);
  expect((await team.store.sessions.get(session))?.agentId).toBe(team.ids.Lead);
  expect(copies(events).get(child!.id)).toEqual(await team.events(child!.id));
  expect(bodies(events, "toolCallFinished")[0]?.result?.output).toBe("B is done.");
});
