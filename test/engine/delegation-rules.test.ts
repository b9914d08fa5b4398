import { describe, expect, it } from "vitest";
import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { ApprovalState, Verdict } from "../../gen/agentry/v1/event_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import type { Rule } from "../../gen/agentry/v1/rule_pb.js";
import { RuleEffect } from "../../gen/agentry/v1/rule_pb.js";
import { ApprovalScope, RunState } from "../../gen/agentry/v1/run_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { ruleFor } from "../../src/engine/rules.js";
import type { Member, Team } from "./delegation-room.js";
import { copies, deny, gives, openTeam, rule, uses } from "./delegation-room.js";
import { bodies, calls, ending, says, tool } from "./room.js";

const { TASK, HANDOFF } = DelegateMode;
const { ALLOW, ASK } = RuleEffect;
const { SUCCEEDED, DENIED } = ToolCallStatus;

/** A lead that gives a task to a helper that calls `change`; what became of that call. */
async function helperCall(
  lead: Rule[],
  helper: Rule[],
  session: { readonly mode?: ApprovalMode; readonly rules?: Rule[] } = {},
) {
  const team = await openTeam(
    {
      Lead: { script: gives(["Helper", "x"]), gives: { Helper: TASK }, rules: lead },
      Helper: { script: uses("change"), tools: ["change"], rules: helper },
    },
    { tools: [tool("change")], approvalExpiryMs: 50 },
  );
  const id = await team.open(session.mode, session.rules);
  const events = await team.finished(await team.start(id, "go"));
  const [copied = []] = copies(events).values();
  return {
    status: bodies(copied, "toolCallFinished")[0]?.result?.status,
    asked: bodies(copied, "approvalRequested").length > 0,
  };
}

describe("a call of an agent that works for another", () => {
  it.each<[string, Rule[], Rule[], object, { status: ToolCallStatus; asked: boolean }]>([
    ["runs in mode auto", [], [], {}, { status: SUCCEEDED, asked: false }],
    ["is denied by a rule of the other", [deny("change")], [], {}, { status: DENIED, asked: false }],
    [
      "is denied by it though its own rules allow",
      [deny("change")],
      [rule(ALLOW, "change")],
      {},
      { status: DENIED, asked: false },
    ],
    [
      "is denied by its own rule though the other's allow",
      [rule(ALLOW, "*")],
      [deny("change")],
      {},
      { status: DENIED, asked: false },
    ],
    [
      "is asked for by a rule of the other",
      [rule(ASK, "change")],
      [rule(ALLOW, "*")],
      {},
      { status: DENIED, asked: true },
    ],
    [
      "gains nothing by what the other may do",
      [rule(ALLOW, "*")],
      [],
      { mode: ApprovalMode.ASK },
      { status: DENIED, asked: true },
    ],
    [
      "is allowed by a rule of the parent session",
      [],
      [],
      { mode: ApprovalMode.ASK, rules: [rule(ALLOW, "change")] },
      { status: SUCCEEDED, asked: false },
    ],
    [
      "is denied by a rule of the parent session",
      [],
      [rule(ALLOW, "*")],
      { rules: [deny("change")] },
      { status: DENIED, asked: false },
    ],
    [
      "is denied by the other though the parent session allows",
      [deny("change")],
      [],
      { rules: [rule(ALLOW, "*")] },
      { status: DENIED, asked: false },
    ],
    [
      "is denied where the parent session is read-only",
      [],
      [rule(ALLOW, "*")],
      { mode: ApprovalMode.READ_ONLY },
      { status: DENIED, asked: false },
    ],
  ])("%s", async (_case, lead, helper, session, expected) => {
    expect(await helperCall(lead, helper, session)).toEqual(expected);
  });

  it("is denied by rules from any height", async () => {
    const team = await openTeam(
      {
        Top: { script: gives(["Middle", "x"]), gives: { Middle: TASK }, rules: [deny("change")] },
        Middle: { script: gives(["Bottom", "x"]), gives: { Bottom: TASK }, rules: [rule(ALLOW, "*")] },
        Bottom: { script: uses("change"), tools: ["change"], rules: [rule(ALLOW, "*")] },
      },
      { tools: [tool("change")] },
    );
    const events = await team.finished(await team.start(await team.open(), "go"));
    expect(bodies(events, "toolCallFinished")[0]?.result?.output).toMatch(/^Told: Told: .*deny change/);
  });

  it("reaches only hosts that both may reach", async () => {
    const hosts = (allowedHosts: string[]): Partial<Member> => ({ allowedHosts });
    let seen: readonly string[] | undefined;
    const look = tool("look", async (_input, context) => {
      seen = context.allowedHosts;
      return { text: "", failed: false };
    });
    const team = await openTeam(
      {
        Lead: {
          script: gives(["Helper", "x"]),
          gives: { Helper: TASK },
          ...hosts(["*.example.com", "b.test:8443"]),
        },
        Helper: {
          script: uses("look"),
          tools: ["look"],
          ...hosts(["api.example.com:443", "b.test", "c.test"]),
        },
      },
      { tools: [look] },
    );
    await team.finished(await team.start(await team.open(), "go"));
    expect(seen).toEqual(["api.example.com:443"]);
  });
});

describe("a rule on giving work", () => {
  const by = async (rules: Rule[], agent: (team: Team) => string, name = "transfer_task") => {
    const team: Team = await openTeam({
      Lead: {
        script: (request, turn, signal) =>
          uses(name, { agent: agent(team), task: "x" })(request, turn, signal),
        gives: { "The Helper": name === "handoff" ? HANDOFF : TASK, Other: TASK },
        rules,
      },
      "The Helper": {},
      Other: {},
    });
    const events = await team.finished(await team.start(await team.open(), "go"));
    return bodies(events, "toolCallFinished")[0]?.result?.status;
  };
  it.each<[string, (team: Team) => string]>([
    ["name", () => "The Helper"],
    ["name in other case", () => "the helper"],
    ["id", (team) => team.ids["The Helper"]!],
  ])("denies it by name to an agent that is called by its %s", async (_case, agent) => {
    expect(await by([deny("transfer_task", "The Helper")], agent)).toBe(DENIED);
    expect(await by([deny("transfer_task", "Other")], agent)).toBe(SUCCEEDED);
    expect(await by([deny("handoff", "the *")], agent, "handoff")).toBe(DENIED);
    expect(await by([deny("handoff", "The Helper")], agent)).toBe(SUCCEEDED);
  });
});

describe("an approval in a child session", () => {
  async function waits(mode = ApprovalMode.ASK) {
    const team = await openTeam(
      {
        Lead: { script: gives(["Helper", "x"]), gives: { Helper: TASK } },
        Helper: {
          script: (_request, turn) =>
            turn < 3 ? calls({ name: "change", input: { turn } }) : says("changed twice"),
          tools: ["change"],
        },
      },
      { tools: [tool("change")] },
    );
    const session = await team.open(mode);
    const run = await team.start(session, "go");
    const pending = () => team.store.approvals.list({ sessionId: session, state: ApprovalState.PENDING });
    await expect.poll(async () => (await pending()).length).toBe(1);
    return { team, session, run, pending };
  }

  it("is listed and shown with the parent, and is given by its id", async () => {
    const { team, session, run, pending } = await waits();
    expect((await team.store.runs.get(run.id))?.state).toBe(RunState.RUNNING);
    const [approval] = await pending();
    const [child] = await team.children(session);
    expect(approval?.sessionId).toBe(child?.id);
    const shown = copies(await team.events(session)).get(child!.id) ?? [];
    expect(bodies(shown, "approvalRequested")).toMatchObject([{ approval: { id: approval?.id } }]);
    const answer = { verdict: Verdict.APPROVE, argumentsSha256: approval!.argumentsSha256, comment: "" };
    await team.engine.approvals.resolve(approval!.id, answer);
    await expect.poll(async () => (await pending()).length).toBe(1);
    const second = (await pending())[0]!;
    expect(second.id).not.toBe(approval!.id);
    await team.engine.approvals.resolve(second.id, {
      verdict: Verdict.DENY,
      argumentsSha256: "",
      comment: "no",
    });
    const events = await team.finished(run);
    expect(ending(events).outcome).toBe(1);
    const copied = copies(events).get(child!.id)!;
    expect(copied).toEqual(await team.events(child!.id));
    expect(bodies(copied, "toolCallFinished").map(({ result }) => result?.status)).toEqual([
      SUCCEEDED,
      DENIED,
    ]);
  });

  it("may go for all calls of the child", async () => {
    const { team, run, pending } = await waits();
    const [approval] = await pending();
    await team.engine.approvals.resolve(approval!.id, {
      verdict: Verdict.APPROVE,
      argumentsSha256: "",
      comment: "",
      rule: (asked) => ruleFor(ApprovalScope.TOOL, asked),
    });
    const [copied = []] = copies(await team.finished(run)).values();
    expect(bodies(copied, "toolCallFinished").map(({ result }) => result?.status)).toEqual([
      SUCCEEDED,
      SUCCEEDED,
    ]);
  });

  it("is not asked for after the parent session got a rule, or another mode", async () => {
    for (const change of [{ rules: [rule(ALLOW, "change")] }, { approvalMode: ApprovalMode.AUTO }]) {
      const { team, session, run, pending } = await waits();
      const stored = await team.store.sessions.get(session);
      await team.store.sessions.update({ ...stored!, ...change });
      const [approval] = await pending();
      await team.engine.approvals.resolve(approval!.id, {
        verdict: Verdict.DENY,
        argumentsSha256: "",
        comment: "",
      });
      const [copied = []] = copies(await team.finished(run)).values();
      expect(bodies(copied, "toolCallFinished").map(({ result }) => result?.status)).toEqual([
        DENIED,
        SUCCEEDED,
      ]);
    }
  });
});

it("a child session takes no run from outside", async () => {
  const team = await openTeam({
    Lead: { script: gives(["Helper", "x"]), gives: { Helper: TASK } },
    Helper: {},
  });
  const session = await team.open();
  await team.finished(await team.start(session, "go"));
  const [child] = await team.children(session);
  await expect(team.start(child!.id, "and now without rules")).rejects.toMatchObject({ reason: "conflict" });
});
