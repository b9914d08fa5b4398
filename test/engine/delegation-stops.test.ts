import { describe, expect, it } from "vitest";
import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { ApprovalState, RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { validHistory } from "../../src/engine/history.js";
import type { Team } from "./delegation-room.js";
import { copies, gives, openTeam, uses } from "./delegation-room.js";
import type { Script } from "./room.js";
import { bodies, calls, ending, kinds, never, says, stalls, tool } from "./room.js";

const { TASK } = DelegateMode;

/** Three agents, one below the other, of which the last does what it is told to. */
function openChain(script: Script, options: Parameters<typeof openTeam>[1] = {}, tools: string[] = []) {
  return openTeam(
    {
      Top: { script: gives(["Middle", "x"]), gives: { Middle: TASK } },
      Middle: { script: gives(["Bottom", "x"]), gives: { Bottom: TASK } },
      Bottom: { script, tools },
    },
    options,
  );
}

async function chainOf(team: Team, session: string): Promise<string[]> {
  const [child] = await team.children(session);
  return child ? [session, ...(await chainOf(team, child.id))] : [session];
}

/** The outcome of the run of each session, checked to be whole in its log and in those above. */
async function outcomes(team: Team, sessions: readonly string[]): Promise<RunOutcome[]> {
  const logs = await Promise.all(sessions.map((id) => team.events(id)));
  for (const [i, log] of logs.entries()) {
    const below = sessions[i + 1];
    if (below) expect(copies(log).get(below)).toEqual(logs[i + 1]);
    const names = kinds(log);
    const count = (name: string) => names.filter((one) => one === name).length;
    for (const kind of ["step", "text", "toolCall", "toolInput"])
      expect(count(`${kind}Started`)).toBe(count(`${kind}Finished`));
    expect(count("runFinished")).toBe(1);
    const messages = await team.messages(sessions[i]!);
    expect(validHistory(messages)).toEqual(messages);
  }
  return logs.map((log) => ending(log).outcome);
}

const { CANCELED, INTERRUPTED } = RunOutcome;

describe("a run that is stopped", () => {
  it("stops those that work for it, and closes its log after theirs", async () => {
    const team = await openChain((_request, _turn, signal) => stalls("Half", signal));
    const session = await team.open();
    const run = await team.start(session, "go");
    await expect.poll(() => team.requests.length).toBe(3);
    await team.engine.cancel(run.id);
    await team.finished(run);
    const chain = await chainOf(team, session);
    expect(chain).toHaveLength(3);
    expect(await outcomes(team, chain)).toEqual([CANCELED, CANCELED, CANCELED]);
    expect(bodies(await team.events(session), "toolCallFinished")[0]?.result?.status).toBe(
      ToolCallStatus.CANCELED,
    );
  });

  it("waits for a tool of theirs that does not stop, and no longer", async () => {
    const stuck = tool("stuck", () => new Promise(() => undefined));
    const team = await openChain(uses("stuck"), { tools: [stuck], stopMs: 20 }, ["stuck"]);
    const session = await team.open();
    const run = await team.start(session, "go");
    await expect.poll(async () => (await chainOf(team, session)).length).toBe(3);
    const bottom = (await chainOf(team, session))[2]!;
    await expect.poll(async () => kinds(await team.events(bottom))).toContain("toolCallStarted");
    await team.engine.cancel(run.id);
    await team.finished(run);
    expect(await outcomes(team, await chainOf(team, session))).toEqual([CANCELED, CANCELED, CANCELED]);
  });

  it("at any moment leaves every log whole", async () => {
    const words = Array.from({ length: 10 }, (_, i) => `w${i} `);
    const team = await openChain(async function* () {
      for (const event of says(words.join(""), words)) {
        yield event;
        await new Promise(setImmediate);
      }
    });
    const ended = new Set<RunOutcome>();
    for (let count = 1; count < 75; count += 2) {
      const session = await team.open();
      const run = await team.start(session, "go");
      for await (const { seq } of team.watch.run(run.id, 0, never)) {
        if (seq === count) await team.engine.cancel(run.id);
      }
      // A child that had not begun has no log.
      const chain = await chainOf(team, session);
      const begun = await Promise.all(chain.map(async (id) => (await team.events(id)).length > 0));
      for (const outcome of await outcomes(
        team,
        chain.filter((_id, i) => begun[i]),
      ))
        ended.add(outcome);
    }
    expect([...ended].sort()).toEqual([RunOutcome.COMPLETED, CANCELED]);
    expect(team.bugs).toEqual([]);
  });

  it("takes back what a child asks", async () => {
    const team = await openChain(uses("change"), { tools: [tool("change")] }, ["change"]);
    const session = await team.open(ApprovalMode.ASK);
    const run = await team.start(session, "go");
    const list = (state: ApprovalState) => team.store.approvals.list({ sessionId: session, state });
    await expect.poll(async () => (await list(ApprovalState.PENDING)).length).toBe(1);
    await team.engine.cancel(run.id);
    await team.finished(run);
    expect(await list(ApprovalState.PENDING)).toEqual([]);
    expect(await list(ApprovalState.CANCELED)).toHaveLength(1);
  });

  it("by the end of the server is interrupted with all of them", async () => {
    const team = await openChain((_request, _turn, signal) => stalls("Half", signal));
    const session = await team.open();
    await team.start(session, "go");
    await expect.poll(() => team.requests.length).toBe(3);
    await team.engine.close(0);
    expect(await outcomes(team, await chainOf(team, session))).toEqual([
      INTERRUPTED,
      INTERRUPTED,
      INTERRUPTED,
    ]);
  });

  it("before a child has begun lets none begin", async () => {
    const team = await openTeam({
      Lead: {
        script: (_request, turn) =>
          turn === 1
            ? calls(
                ...Array.from({ length: 12 }, () => ({
                  name: "transfer_task",
                  input: { agent: "Helper", task: "x" },
                })),
              )
            : says("ok"),
        gives: { Helper: TASK },
      },
      Helper: { script: (_request, _turn, signal) => stalls("Half", signal) },
    });
    const session = await team.open();
    const run = await team.start(session, "go");
    await expect.poll(async () => (await team.children(session)).length).toBe(8);
    await team.engine.cancel(run.id);
    const events = await team.finished(run);
    expect(await team.children(session)).toHaveLength(8);
    expect(bodies(events, "toolCallFinished")).toHaveLength(12);
    expect(ending(events).outcome).toBe(CANCELED);
  });
});

describe("a session that is deleted", () => {
  it("takes its child sessions with it, while they work and afterwards", async () => {
    const team = await openChain((_request, _turn, signal) => stalls("Half", signal));
    const session = await team.open();
    const run = await team.start(session, "go");
    await expect.poll(() => team.requests.length).toBe(3);
    const chain = await chainOf(team, session);
    expect(await team.engine.deleteSession(session)).toBe(true);
    for (const id of chain) expect(await team.store.sessions.get(id)).toBeUndefined();
    expect(await team.store.runs.get(run.id)).toBeUndefined();
    expect(team.bugs).toEqual([]);
  });

  it("alone, as a child, leaves its parent to go on", async () => {
    const team = await openChain((_request, _turn, signal) => stalls("Half", signal));
    const session = await team.open();
    const run = await team.start(session, "go");
    await expect.poll(() => team.requests.length).toBe(3);
    const [, middle, bottom] = await chainOf(team, session);
    expect(await team.engine.deleteSession(middle!)).toBe(true);
    expect(await team.store.sessions.get(bottom!)).toBeUndefined();
    const events = await team.finished(run);
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toMatch(/canceled its run/);
  });
});

describe("the steps of a run", () => {
  it.each([
    [1, { steps: 1, calls: 1, outcome: RunOutcome.LIMIT_REACHED }],
    [2, { steps: 2, calls: 2, outcome: RunOutcome.COMPLETED }],
    [3, { steps: 2, calls: 3, outcome: RunOutcome.COMPLETED }],
    [10, { steps: 2, calls: 10, outcome: RunOutcome.COMPLETED }],
  ])(
    "that may take %d hold those of its children, but one for its own answer",
    async (maxSteps, expected) => {
      const team = await openTeam(
        {
          Lead: { script: gives(["Helper", "x"], ["Helper", "y"]), gives: { Helper: TASK }, maxSteps },
          Helper: { script: () => calls({ name: "look" }), tools: ["look"] },
        },
        { tools: [tool("look", undefined, true)] },
      );
      const session = await team.open();
      const events = await team.finished(await team.start(session, "go"));
      const { outcome, steps } = ending(events);
      expect({ steps, calls: team.requests.length, outcome }).toEqual(expected);
      for (const copied of copies(events).values())
        expect(ending(copied).outcome).toBe(RunOutcome.LIMIT_REACHED);
    },
  );

  it("are held however deep its children go", async () => {
    const team = await openTeam({
      Lead: {
        script: gives(["Lead", "x"], ["Lead", "y"], ["Lead", "z"]),
        gives: { Lead: TASK },
        maxSteps: 20,
      },
    });
    const session = await team.open();
    expect(ending(await team.finished(await team.start(session, "go"))).outcome).toBe(RunOutcome.COMPLETED);
    expect(team.requests.length).toBeGreaterThan(10);
    expect(team.requests.length).toBeLessThanOrEqual(20);
  });
});
