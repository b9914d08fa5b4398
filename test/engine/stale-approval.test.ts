import { describe, expect, it } from "vitest";
import type { Approval } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalState, RunOutcome, Verdict } from "../../gen/agentry/v1/event_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import type { Tool } from "../../src/core/tool.js";
import { bodies, calls, ending, openRoom, says, tool } from "./room.js";

const approve = { verdict: Verdict.APPROVE, argumentsSha256: "", comment: "" };
const deny = { verdict: Verdict.DENY, argumentsSha256: "", comment: "not so" };

/** A tool that changes `world` as it was when somebody approved that, and a run that asks for it. */
async function openWorld({ mode = ApprovalMode.ASK, others = [] as Tool[] } = {}) {
  const world = { is: "old" };
  const ran: string[] = [];
  const change: Tool = {
    ...tool("change", async (_input, { basis }) => {
      ran.push(`change ${basis}`);
      if (basis !== undefined && basis !== world.is)
        return { text: "it is another", failed: true, stale: true };
      return { text: "changed", failed: false };
    }),
    prepare: async () => ({ summary: `${world.is} to new`, basis: world.is }),
  };
  const after = tool("after", async () => {
    ran.push("after");
    return { text: "done", failed: false };
  });
  const wanted = [{ name: "change" }, ...others.map(({ name }) => ({ name })), { name: "after" }];
  const room = await openRoom((_request, number) => (number === 1 ? calls(...wanted) : says("ok")), {
    tools: [change, after, ...others],
  });
  const session = await room.session({ mode });
  const run = await room.start(session, "go");
  const pending = () => room.store.approvals.list({ runId: run.id, state: ApprovalState.PENDING });
  const asked = async (name: string, summary: string): Promise<Approval> => {
    const find = async () =>
      (await pending()).find((one) => one.toolCall?.name === name && one.summary === summary);
    await expect.poll(find).toBeDefined();
    return (await find())!;
  };
  const answer = ({ id }: Approval, verdict = approve) => room.engine.approvals.resolve(id, verdict);
  return { world, ran, room, run, session, pending, asked, answer };
}

describe("a call that was approved on what is not so any more", () => {
  it("does nothing, is asked for anew, and runs when that is approved", async () => {
    const { world, ran, room, run, asked, answer } = await openWorld();
    const first = await asked("change", "old to new");
    world.is = "other";
    await answer(first);
    const second = await asked("change", "other to new");
    expect(second.id).not.toBe(first.id);
    await answer(await asked("after", "after {}"));
    // What was approved later waits: it may build on this.
    expect(ran).toEqual(["change old"]);
    await answer(second);
    const events = await room.finished(run);
    expect(ran).toEqual(["change old", "change other", "after"]);
    expect(bodies(events, "toolCallStarted")).toHaveLength(2);
    expect(bodies(events, "toolCallFinished")[0]?.result).toMatchObject({
      output: "changed",
      status: ToolCallStatus.SUCCEEDED,
    });
  });

  it("does not run on the verdict of the first question, however often that is given", async () => {
    const { world, ran, room, run, asked, answer } = await openWorld();
    const first = await asked("change", "old to new");
    world.is = "other";
    await answer(first);
    const second = await asked("change", "other to new");
    expect((await answer(first)).id).toBe(first.id);
    await answer(second, deny);
    await answer(await asked("after", "after {}"), deny);
    const results = bodies(await room.finished(run), "toolCallFinished");
    expect(ran).toEqual(["change old"]);
    const { result } = results.find((one) => one.result?.name === "change") ?? {};
    expect(result).toMatchObject({
      status: ToolCallStatus.DENIED,
      output: "The user denied this call: not so",
    });
  });

  it("is asked for three times at most, and then fails", async () => {
    const { world, ran, room, run, asked, answer } = await openWorld();
    for (const next of ["b", "c", "d"]) {
      const question = await asked("change", `${world.is} to new`);
      world.is = next;
      await answer(question);
    }
    await answer(await asked("after", "after {}"));
    const events = await room.finished(run);
    expect(ran).toEqual(["change old", "change b", "change c", "after"]);
    expect(bodies(events, "approvalRequested")).toHaveLength(4);
    const { result } = bodies(events, "toolCallFinished")[0] ?? {};
    expect(result).toMatchObject({ status: ToolCallStatus.FAILED, output: "it is another" });
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("can be canceled while it is asked for anew", async () => {
    const { world, ran, room, run, asked, answer, pending } = await openWorld();
    const first = await asked("change", "old to new");
    world.is = "other";
    await answer(first);
    await asked("change", "other to new");
    await room.engine.cancel(run.id);
    expect(ending(await room.finished(run)).outcome).toBe(RunOutcome.CANCELED);
    expect(ran).toEqual(["change old"]);
    expect(await pending()).toEqual([]);
  });
});

it("a call that nobody needs to approve is bound to nothing", async () => {
  const { ran, room, run } = await openWorld({ mode: ApprovalMode.AUTO });
  await room.finished(run);
  expect(ran).toEqual(["change undefined", "after"]);
});

it("a call whose tool cannot even look is not asked for, and does not run", async () => {
  const broken: Tool = {
    ...tool("broken"),
    prepare: async () => {
      throw new Error("a bug");
    },
  };
  const { room, run, asked, answer } = await openWorld({ others: [broken] });
  await answer(await asked("change", "old to new"));
  await answer(await asked("after", "after {}"));
  const results = bodies(await room.finished(run), "toolCallFinished").map(({ result }) => result);
  expect(results.find((result) => result?.name === "broken")).toMatchObject({
    status: ToolCallStatus.DENIED,
    output: "The call failed: the tool itself failed",
  });
});
