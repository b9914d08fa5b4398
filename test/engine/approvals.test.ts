import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Approval } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalState, RunOutcome, Verdict } from "../../gen/agentry/v1/event_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import type { Rule } from "../../gen/agentry/v1/rule_pb.js";
import { RuleEffect, RuleSchema } from "../../gen/agentry/v1/rule_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import { Fault } from "../../src/core/fault.js";
import type { Batch } from "../../src/core/store.js";
import type { RoomOptions } from "./room.js";
import { bodies, calls, databaseFile, ending, kinds, openRoom, replaced, says, tool } from "./room.js";

const approve = { verdict: Verdict.APPROVE, argumentsSha256: "", comment: "" };
const sameTool = create(RuleSchema, { effect: RuleEffect.ALLOW, tool: "change" });
const every = create(RuleSchema, { effect: RuleEffect.ALLOW, tool: "*" });
const deny = { verdict: Verdict.DENY, argumentsSha256: "", comment: "not today" };

/** A run that asks for as many approvals as there are inputs, all of which wait. */
async function openAsking(inputs: readonly object[] = [{ n: 1 }], options: RoomOptions = {}) {
  const ran: unknown[] = [];
  const change = tool("change", async ({ n }) => {
    ran.push(n);
    return { text: "changed", failed: false };
  });
  const wanted = inputs.map((input) => ({ name: "change", input }));
  const room = await openRoom((_request, number) => (number === 1 ? calls(...wanted) : says("ok")), {
    tools: [change],
    ...options,
  });
  const session = await room.session({ mode: ApprovalMode.ASK });
  const run = await room.start(session, "go");
  const pending = (): Promise<Approval[]> =>
    room.store.approvals.list({ runId: run.id, state: ApprovalState.PENDING });
  if (!options.approvalExpiryMs) await expect.poll(async () => (await pending()).length).toBe(inputs.length);
  return { room, session, run, ran, pending, waiting: await pending() };
}

describe("an approval", () => {
  it("lets the call run when it is approved, and only then", async () => {
    const { room, run, ran, waiting } = await openAsking();
    expect(await room.store.runs.get(run.id)).toMatchObject({ state: RunState.WAITING });
    expect(waiting[0]).toMatchObject({ summary: 'change {"n":1}', defaultVerdict: Verdict.DENY });
    expect(ran).toEqual([]);
    await room.engine.approvals.resolve(waiting[0]?.id ?? "", approve);
    const events = await room.finished(run);
    expect(ran).toEqual([1]);
    expect(bodies(events, "approvalResolved")[0]?.approval?.state).toBe(ApprovalState.APPROVED);
  });

  it("keeps the call from running when it is denied, and tells the model why", async () => {
    const { room, run, ran, waiting } = await openAsking();
    await room.engine.approvals.resolve(waiting[0]?.id ?? "", deny);
    const result = bodies(await room.finished(run), "toolCallFinished")[0]?.result;
    expect(ran).toEqual([]);
    expect(result).toMatchObject({
      status: ToolCallStatus.DENIED,
      output: "The user denied this call: not today",
    });
  });

  it("is for one call alone", async () => {
    const { room, run, ran, waiting } = await openAsking([{ n: 1 }, { n: 2 }]);
    const second = waiting.find(({ toolCall }) => toolCall?.arguments?.n === 2);
    await room.engine.approvals.resolve(second?.id ?? "", approve);
    await expect.poll(() => ran).toEqual([2]);
    expect(await room.store.runs.get(run.id)).toMatchObject({ state: RunState.WAITING });
    const first = waiting.find(({ id }) => id !== second?.id);
    await room.engine.approvals.resolve(first?.id ?? "", deny);
    await room.finished(run);
    expect(ran).toEqual([2]);
  });

  it("takes the same verdict again, and no other", async () => {
    const { room, run, waiting } = await openAsking();
    const id = waiting[0]?.id ?? "";
    const { approvals } = room.engine;
    expect((await approvals.resolve(id, approve)).state).toBe(ApprovalState.APPROVED);
    expect((await approvals.resolve(id, approve)).state).toBe(ApprovalState.APPROVED);
    await expect(approvals.resolve(id, deny)).rejects.toMatchObject({
      reason: "conflict",
      message: /approved already/,
    });
    await room.finished(run);
    expect((await approvals.resolve(id, approve)).state).toBe(ApprovalState.APPROVED);
  });

  it.each([
    ["no scope, then this tool", [], [sameTool], "conflict"],
    ["this tool, then every tool", [sameTool], [every], "conflict"],
    ["this tool, then the same", [sameTool], [sameTool], undefined],
    ["this tool, then this call alone", [sameTool], [], undefined],
  ] as const)("that is approved with %s adds what the first says", async (_name, first, second, reason) => {
    const { room, session, run, waiting } = await openAsking();
    const id = waiting[0]?.id ?? "";
    const scoped = ([rule]: readonly Rule[]) => ({ ...approve, ...(rule && { rule: () => rule }) });
    const answers = await Promise.allSettled([
      room.engine.approvals.resolve(id, scoped(first)),
      room.engine.approvals.resolve(id, scoped(second)),
    ]);
    const again = await Promise.allSettled([room.engine.approvals.resolve(id, scoped(second))]);
    const refused = {
      status: "rejected",
      reason: { reason, message: expect.stringMatching(/without this scope/) },
    };
    const expected = reason ? refused : { status: "fulfilled", value: { state: ApprovalState.APPROVED } };
    expect([...answers, ...again]).toMatchObject([{ status: "fulfilled" }, expected, expected]);
    await room.finished(run);
    expect((await room.store.sessions.get(session))?.rules).toEqual(first);
  });

  it.each([
    ["another hash", { ...approve, argumentsSha256: "0".repeat(64) }, "conflict"],
    ["no verdict", { ...approve, verdict: Verdict.UNSPECIFIED }, "invalid"],
    ["a verdict that nobody knows", { ...approve, verdict: 9 as Verdict }, "invalid"],
  ])("is not answered by %s", async (_name, answer, reason) => {
    const { room, ran, waiting, pending } = await openAsking();
    await expect(room.engine.approvals.resolve(waiting[0]?.id ?? "", answer)).rejects.toMatchObject({
      reason,
    });
    expect(await pending()).toHaveLength(1);
    expect(ran).toEqual([]);
  });

  it("that does not exist cannot be answered", async () => {
    const { room } = await openAsking();
    await expect(room.engine.approvals.resolve("none", approve)).rejects.toMatchObject({
      reason: "not_found",
    });
  });

  it("has one verdict, however many come at once", async () => {
    const { room, run, ran, waiting } = await openAsking();
    const verdicts = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? approve : deny));
    const answers = await Promise.allSettled(
      verdicts.map((answer) => room.engine.approvals.resolve(waiting[0]?.id ?? "", answer)),
    );
    const won = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.state] : []));
    expect(won).toEqual(Array.from({ length: 25 }, () => ApprovalState.APPROVED));
    const events = await room.finished(run);
    expect(kinds(events).filter((kind) => kind === "approvalResolved")).toHaveLength(1);
    expect(ran).toEqual([1]);
  });

  it("is denied when nobody answers in time", async () => {
    const { room, run, ran } = await openAsking([{ n: 1 }], { approvalExpiryMs: 30 });
    const events = await room.finished(run);
    expect(bodies(events, "approvalResolved")[0]?.approval?.state).toBe(ApprovalState.EXPIRED);
    expect(bodies(events, "toolCallFinished")[0]?.result?.status).toBe(ToolCallStatus.DENIED);
    expect(ran).toEqual([]);
  });

  it("is closed when its run is canceled", async () => {
    const { room, run, ran, waiting, pending } = await openAsking([{ n: 1 }, { n: 2 }]);
    await room.engine.cancel(run.id);
    const events = await room.finished(run);
    expect(ending(events).outcome).toBe(RunOutcome.CANCELED);
    expect(bodies(events, "approvalResolved").map(({ approval }) => approval?.state)).toEqual([5, 5]);
    expect(bodies(events, "toolCallFinished").map(({ result }) => result?.output)).toEqual([
      "This call did not run: the run was canceled.",
      "This call did not run: the run was canceled.",
    ]);
    expect(await pending()).toEqual([]);
    const late = room.engine.approvals.resolve(waiting[0]?.id ?? "", approve);
    await expect(late).rejects.toMatchObject({ reason: "conflict", message: /canceled already/ });
    expect(ran).toEqual([]);
  });

  it("is closed, not approved, when the server is started again", async () => {
    const file = databaseFile();
    const { room, session, run, waiting } = await openAsking([{ n: 1 }], { file });
    await room.close();
    const again = await openRoom(() => says("ok"), { file });
    const events = await again.events(session);
    expect(ending(events).outcome).toBe(RunOutcome.INTERRUPTED);
    expect(await again.store.approvals.get(waiting[0]?.id ?? "")).toMatchObject({
      state: ApprovalState.CANCELED,
    });
    const late = again.engine.approvals.resolve(waiting[0]?.id ?? "", approve);
    await expect(late).rejects.toMatchObject({ reason: "conflict" });
    expect(await again.store.runs.get(run.id)).toMatchObject({ state: RunState.FINISHED });
    expect(again.bugs).toEqual([]);
  });

  it("waits on when its verdict could not be stored", async () => {
    const disk = { full: false };
    const store: NonNullable<RoomOptions["store"]> = (real) =>
      replaced(real, {
        commit: async (batches: readonly Batch[]) => {
          if (disk.full) throw new Fault("exhausted", "the disk is full", { retryable: true });
          return real.commit(batches);
        },
      });
    const { room, run, ran, waiting, pending } = await openAsking([{ n: 1 }], { store });
    const id = waiting[0]?.id ?? "";
    disk.full = true;
    await expect(room.engine.approvals.resolve(id, approve)).rejects.toMatchObject({ reason: "exhausted" });
    disk.full = false;
    expect(await pending()).toHaveLength(1);
    expect(ran).toEqual([]);
    await room.engine.cancel(run.id);
    await room.finished(run);
    expect(await pending()).toEqual([]);
  });
});
