import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalState, EventSchema, RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { Role, ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { RunSchema } from "../../gen/agentry/v1/run_pb.js";
import { ApprovalMode } from "../../gen/agentry/v1/sessions_pb.js";
import type { Write } from "../../src/core/store.js";
import { closedByCancel, closedByRestart, closeOpenItems } from "../../src/engine/close-run.js";
import { validHistory } from "../../src/engine/history.js";
import { RunProgress } from "../../src/engine/run-progress.js";
import { RunWriter } from "../../src/engine/run-writer.js";
import { calls, kinds, openRoom, says, tool } from "./room.js";

/** Every event of a run with texts, calls beside each other, approvals, and a call that cannot run. */
async function recordRun(): Promise<Event[]> {
  const room = await openRoom(
    (_request, number) => {
      if (number === 1) return calls({ name: "look" }, { name: "look" }, { name: "change", input: { a: 1 } });
      if (number === 2) return calls({ name: "change", json: "{" }, { name: "none" }, { name: "change" });
      return says("Well done.", ["Well ", "done."]);
    },
    { tools: [tool("look", undefined, true), tool("change")] },
  );
  const session = await room.session({ mode: ApprovalMode.ASK });
  const run = await room.start(session, "go");
  for await (const { body } of room.watch.run(run.id, 0, new AbortController().signal)) {
    if (body.case !== "approvalRequested") continue;
    const id = body.value.approval?.id ?? "";
    await room.engine.approvals.resolve(id, { verdict: 1, argumentsSha256: "", comment: "" });
  }
  return room.events(session);
}

function close(events: readonly Event[], reason = closedByRestart): Event[] {
  const progress = new RunProgress();
  for (const event of events) progress.apply(event);
  const run = create(RunSchema, { id: "run", sessionId: "session", agentId: "agent" });
  const hand = { run, log: undefined as never, epoch: 1, messages: [], stamp: () => timestampFromMs(0) };
  const writer = new RunWriter(hand, progress);
  const writes: Write[] = [
    ...closeOpenItems(writer, reason),
    ...writer.finish(RunOutcome.INTERRUPTED, undefined),
  ];
  return [...events, ...writes.flatMap((write) => (write.type === "event" ? [write.event] : []))];
}

const messagesOf = (events: readonly Event[]): Message[] =>
  events.flatMap(({ body }) =>
    body.case === "messageAdded" && body.value.message ? [body.value.message] : [],
  );

const count = (events: readonly Event[], kind: string): number =>
  events.filter(({ body }) => body.case === kind).length;

describe("closing a run", () => {
  it("makes a whole log of every beginning of one", async () => {
    const recorded = await recordRun();
    expect(recorded.length).toBeGreaterThan(40);
    for (let length = 1; length < recorded.length; length += 1) {
      for (const reason of [closedByRestart, closedByCancel]) {
        const events = close(recorded.slice(0, length), reason);
        for (const kind of ["step", "text", "toolInput", "toolCall"])
          expect([length, kind, count(events, `${kind}Finished`)]).toEqual([
            length,
            kind,
            count(events, `${kind}Started`),
          ]);
        expect(count(events, "approvalResolved")).toBe(count(events, "approvalRequested"));
        expect(count(events, "runFinished")).toBe(1);
        const messages = messagesOf(events);
        expect(validHistory(messages)).toEqual(messages);
      }
    }
  });

  it("keeps every text that was seen, and marks the message", async () => {
    const recorded = await recordRun();
    const cut = recorded.findLastIndex(({ body }) => body.case === "textDelta");
    const last = messagesOf(close(recorded.slice(0, cut))).at(-1);
    expect(last).toMatchObject({ role: Role.ASSISTANT, interrupted: true });
    expect(last?.parts[0]?.content).toMatchObject({ case: "text", value: "Well " });
  });

  it("says of each call whether it had begun", async () => {
    const recorded = await recordRun();
    const asked = recorded.findIndex(({ body }) => body.case === "approvalRequested");
    const results = close(recorded.slice(0, asked + 1)).flatMap(({ body }) =>
      body.case === "toolCallFinished" && body.value.result ? [body.value.result] : [],
    );
    const waiting = results.find(({ name }) => name === "change");
    expect(waiting?.status).toBe(ToolCallStatus.INTERRUPTED);
    expect(waiting?.output).toContain("did not run");
  });

  it("makes no call of one whose arguments were cut", async () => {
    const recorded = await recordRun();
    const cut = recorded.findIndex(({ body }) => body.case === "toolInputDelta");
    const events = close(recorded.slice(0, cut + 1));
    expect(count(events, "toolInputFinished")).toBe(1);
    expect(messagesOf(events).map(({ role }) => role)).toEqual([Role.USER]);
  });

  it("closes an approval as canceled", async () => {
    const recorded = await recordRun();
    const asked = recorded.findIndex(({ body }) => body.case === "approvalRequested");
    const resolved = close(recorded.slice(0, asked + 1)).find(({ body }) => body.case === "approvalResolved");
    expect(resolved?.body.value).toMatchObject({ approval: { state: ApprovalState.CANCELED } });
  });

  it("finishes a compaction as one that has changed nothing", () => {
    const body = { case: "compactionStarted", value: { tokensBefore: 9 } } as const;
    const events = close([create(EventSchema, { body })]);
    expect(kinds(events)).toEqual(["compactionStarted", "compactionFinished", "runFinished"]);
    expect(events[1]?.body.value).toMatchObject({ tokensBefore: 9, tokensAfter: 9, messageId: "" });
    expect(kinds(close(events.slice(0, 2))).slice(2)).toEqual(["runFinished"]);
  });

  it("adds nothing but the end to what was closed before", async () => {
    const recorded = await recordRun();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: recorded.length - 1 }), (length) => {
        const once = close(recorded.slice(0, length)).slice(0, -1);
        expect(close(once).slice(once.length)).toHaveLength(1);
      }),
    );
  });
});
