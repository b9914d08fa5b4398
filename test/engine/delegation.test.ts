import { describe, expect, it } from "vitest";
import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { copies, gives, openTeam } from "./delegation-room.js";
import { bodies, calls, ending, kinds, says, stalls } from "./room.js";

const task = { Helper: DelegateMode.TASK };

describe("a task", () => {
  it("is done in a child session, whose events travel in the parent's log", async () => {
    const team = await openTeam({
      Lead: { script: gives(["Helper", "Count the files.\nAll of them."]), gives: task },
      Helper: { description: "Counts.", script: () => says("Three.", ["Th", "ree."]) },
    });
    const session = await team.open();
    const events = await team.finished(await team.start(session, "go"));
    expect(ending(events)).toMatchObject({ outcome: RunOutcome.COMPLETED, steps: 2 });
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, i) => i + 1));
    const [child] = await team.children(session);
    expect(child).toMatchObject({
      parentSessionId: session,
      parentToolCallId: bodies(events, "toolCallFinished")[0]?.result?.toolCallId,
      title: "Count the files.",
      workDir: "/tmp",
      agentId: team.ids.Helper,
    });
    const own = await team.events(child!.id);
    expect(kinds(own).at(-1)).toBe("runFinished");
    expect(copies(events)).toEqual(new Map([[child!.id, own]]));
    expect(bodies(events, "childEvent").every((one) => one.toolCallId === child!.parentToolCallId)).toBe(
      true,
    );
    expect(bodies(events, "toolCallFinished")[0]?.result).toMatchObject({
      status: ToolCallStatus.SUCCEEDED,
      output: "Three.",
    });
    expect(kinds(events).indexOf("toolCallFinished")).toBeGreaterThan(
      kinds(events).lastIndexOf("childEvent"),
    );
    expect((await team.messages(session)).map(({ parts }) => parts[0]?.content.case)).toEqual([
      "text",
      "toolCall",
      "toolResult",
      "text",
    ]);
    expect((await team.store.sessions.get(session))?.usage?.inputTokens).toBe(20);
    expect(child!.usage?.inputTokens).toBe(10);
    expect(team.bugs).toEqual([]);
  });

  it("is offered with the names of the delegates, and what they are for", async () => {
    const team = await openTeam({
      Lead: { gives: { Helper: DelegateMode.TASK, Other: DelegateMode.HANDOFF } },
      Helper: { description: "Counts." },
      Other: { description: "Takes over." },
    });
    await team.finished(await team.start(await team.open(), "go"));
    const [transfer, hand] = team.requests[0]!.tools;
    expect(transfer).toMatchObject({
      name: "transfer_task",
      description: expect.stringContaining("- Helper: Counts."),
      inputSchema: { properties: { agent: { enum: ["Helper"] } }, required: ["agent", "task"] },
    });
    expect(hand).toMatchObject({
      name: "handoff",
      inputSchema: { properties: { agent: { enum: ["Other"] } } },
    });
    await team.finished(await team.start(await team.open(), "go", { agentId: team.ids.Helper! }));
    expect(team.requests[1]!.tools).toEqual([]);
  });

  it("tells the other agent what to do, and nothing else", async () => {
    const input = { agent: "Helper", task: "Count.", expected_output: "A number." };
    const team = await openTeam({
      Lead: {
        script: (_request, turn) => (turn === 1 ? calls({ name: "transfer_task", input }) : says("ok")),
        gives: task,
      },
      Helper: {},
    });
    await team.finished(await team.start(await team.open(), "a secret of this conversation"));
    expect(team.requests[1]!.messages.map(({ parts }) => parts[0]?.content.value)).toEqual([
      "Count.\n\nExpected output: A number.",
    ]);
  });

  it("is for one agent alone, also where two have one name", async () => {
    const twin = { name: "Twin", instructions: "Second" };
    const team = await openTeam({
      Lead: {
        script: (_request, turn) =>
          turn === 1
            ? calls(
                { name: "transfer_task", input: { agent: team.ids.Second!, task: "x" } },
                { name: "transfer_task", input: { agent: "Twin", task: "x" } },
              )
            : says("ok"),
        gives: { First: DelegateMode.TASK, Second: DelegateMode.TASK },
      },
      First: { ...twin, instructions: "First", description: "One of two." },
      Second: twin,
    });
    const events = await team.finished(await team.start(await team.open(), "go"));
    const { description, inputSchema } = team.requests[0]!.tools[0]!;
    const [first, second] = [team.ids.First!, team.ids.Second!];
    expect(description).toContain(`- ${first} (Twin): One of two.\n- ${second} (Twin)`);
    expect(inputSchema).toMatchObject({ properties: { agent: { enum: [first, second] } } });
    const outputs = bodies(events, "toolCallFinished").map(({ result }) => result?.output);
    expect(outputs).toContain("Second is done.");
    expect(outputs.join()).toMatch(/There is no agent "Twin"/);
  });

  it("may be one of several that are done beside each other", async () => {
    const both = Promise.withResolvers<void>();
    let begun = 0;
    const team = await openTeam({
      Lead: {
        script: gives(["A", "one"], ["B", "two"]),
        gives: { A: DelegateMode.TASK, B: DelegateMode.TASK },
      },
      A: { script: meets },
      B: { script: meets },
    });
    async function* meets() {
      begun += 1;
      if (begun === 2) both.resolve();
      await both.promise;
      yield* says("met");
    }
    const session = await team.open();
    const events = await team.finished(await team.start(session, "go"));
    const children = await team.children(session);
    expect(children).toHaveLength(2);
    for (const { id } of children) expect(copies(events).get(id)).toEqual(await team.events(id));
    expect(bodies(events, "toolCallFinished").map(({ result }) => result?.output)).toEqual(["met", "met"]);
  });

  it("goes no deeper than it may", async () => {
    const deeper = { Lead: DelegateMode.TASK };
    const team = await openTeam(
      {
        Lead: {
          script: (request, turn, signal) =>
            request.tools.length > 0 ? gives(["Lead", "again"])(request, turn, signal) : says("the bottom"),
          gives: deeper,
        },
      },
      {},
    );
    const session = await team.open();
    const events = await team.finished(await team.start(session, "go"));
    expect(team.requests.map(({ tools }) => tools.length).slice(0, 6)).toEqual([1, 1, 1, 1, 1, 0]);
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toBe(`${"Told: ".repeat(4)}the bottom`);
    let depth = 0;
    for (let id = session; ; depth += 1) {
      const [child] = await team.children(id);
      if (!child) break;
      expect(copies(await team.events(id)).get(child.id)).toEqual(await team.events(child.id));
      id = child.id;
    }
    expect(depth).toBe(5);
  });
});

it("what a child says is readable in the log at the top, however deep both are", async () => {
  const deep = (levels: number): object => (levels === 1 ? {} : { a: deep(levels - 1) });
  const team = await openTeam({
    Lead: {
      script: (request, turn, signal) => {
        if (request.tools.length > 0) return gives(["Lead", "again"])(request, turn, signal);
        return turn === 1 ? calls({ name: "none", input: deep(32) }) : says("ok");
      },
      gives: { Lead: DelegateMode.TASK },
    },
  });
  const session = await team.open();
  const events = await team.finished(await team.start(session, "go"));
  expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  expect(await team.events(session)).toEqual(events);
  expect(JSON.stringify(events, withoutBigints)).toContain(JSON.stringify(deep(32)));
});

const withoutBigints = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;

describe("a task that comes to nothing", () => {
  it.each([
    ["an agent that is not a delegate", { agent: "Nobody", task: "x" }, /no agent "Nobody" to give work to/],
    ["no agent", { task: "x" }, /agent is required/],
    ["no task", { agent: "Helper", task: "  " }, /task is required/],
    ["an agent that is no text", { agent: ["Helper"], task: "x" }, /agent is required/],
    ["an agent called like a member of every object", { agent: "__proto__", task: "x" }, /no agent/],
  ])("for want of %s is a failed call", async (_case, input, output) => {
    const team = await openTeam({
      Lead: {
        script: (_request, turn) => (turn === 1 ? calls({ name: "transfer_task", input }) : says("ok")),
        gives: task,
      },
      Helper: {},
    });
    const session = await team.open();
    const events = await team.finished(await team.start(session, "go"));
    expect(bodies(events, "toolCallFinished")[0]?.result).toMatchObject({
      status: ToolCallStatus.FAILED,
      output: expect.stringMatching(output),
    });
    expect(await team.children(session)).toEqual([]);
  });

  it("for want of an agent that was deleted meanwhile says so", async () => {
    const team = await openTeam({
      Lead: {
        async *script(request, turn, signal) {
          await team.store.agents.delete(team.ids.Helper!);
          yield* gives(["Helper", "x"])(request, turn, signal) as Iterable<never>;
        },
        gives: task,
      },
      Helper: {},
    });
    const events = await team.finished(await team.start(await team.open(), "go"));
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toBe(
      'The agent "Helper" has been deleted.',
    );
    expect(team.requests[1]?.tools[0]?.description).toMatch(/None is left/);
  });

  it.each([
    [
      "fails",
      {
        script() {
          throw new Error("boom");
        },
      },
      /^The agent failed: internal error\.$/,
    ],
    [
      "reaches its limit",
      { script: () => calls({ name: "nothing" }), maxSteps: 3 },
      /^The agent did not finish: it reached its limit/,
    ],
    ["says nothing", { script: () => calls() }, /^The agent ended without an answer\.$/],
  ])("because the agent %s is told", async (_case, helper, output) => {
    const team = await openTeam({ Lead: { script: gives(["Helper", "x"]), gives: task }, Helper: helper });
    const session = await team.open();
    const events = await team.finished(await team.start(session, "go"));
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toMatch(output);
    const [child] = await team.children(session);
    expect(copies(events).get(child!.id)).toEqual(await team.events(child!.id));
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("because a caller canceled the child alone lets the parent go on", async () => {
    const team = await openTeam({
      Lead: { script: gives(["Helper", "x"]), gives: task },
      Helper: { script: (_request, _turn, signal) => stalls("Half", signal) },
    });
    const session = await team.open();
    const run = await team.start(session, "go");
    await expect.poll(async () => bodies(await team.events(session), "childEvent").length).toBeGreaterThan(4);
    const [child] = await team.children(session);
    await team.engine.cancel(child!.activeRunId);
    const events = await team.finished(run);
    expect(bodies(events, "toolCallFinished")[0]?.result).toMatchObject({
      status: ToolCallStatus.FAILED,
      output: "The agent did not finish: somebody canceled its run.\nIts last words:\nHalf",
    });
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });
});
