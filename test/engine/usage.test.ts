import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { Purpose, StopReason, UsageSchema } from "../../gen/agentry/v1/message_pb.js";
import type { ModelEvent } from "../../src/core/model-provider.js";
import { bodies, ending, gate, openRoom, says, tool } from "./room.js";

function* counts(inputTokens: number, costUsd = 0, text = "ok"): Generator<ModelEvent> {
  yield { type: "text_started", index: 0 };
  yield { type: "text_delta", index: 0, text };
  yield { type: "text_finished", index: 0, text };
  const usage = create(UsageSchema, { inputTokens, outputTokens: inputTokens, costUsd });
  yield { type: "finish", stopReason: StopReason.END, usage };
}

const most = 2 ** 32 - 1;

it.each([
  { counted: -1, kept: 0 },
  { counted: 1.5, kept: 2 },
  { counted: Number.NaN, kept: 0 },
  { counted: 2 ** 40, kept: most },
  { counted: Number.POSITIVE_INFINITY, kept: most },
  { counted: Number.NEGATIVE_INFINITY, kept: 0 },
])("a provider that counts $counted tokens is counted with $kept", async ({ counted, kept }) => {
  const room = await openRoom(() => counts(counted, counted), {
    title: () => counts(counted, counted, "A title"),
    tools: [tool("look")],
  });
  const session = await room.session({ title: "" });
  const events = await room.finished(await room.start(session, "go"));
  expect(ending(events)).toMatchObject({
    outcome: RunOutcome.COMPLETED,
    usage: { inputTokens: kept, outputTokens: kept },
  });
  expect(Number.isFinite(ending(events).usage?.costUsd)).toBe(true);
  await expect.poll(async () => (await room.store.sessions.get(session))?.title).toBe("A title");
  expect(room.bugs).toEqual([]);
  const total = Math.min(2 * kept, most);
  expect((await room.store.sessions.get(session))?.usage?.inputTokens).toBe(total);
});

it("the totals of a run count a title that comes while it is under way", async () => {
  const [asked, step] = [gate(), gate()];
  const room = await openRoom(
    async function* (_request, number) {
      if (number === 2) await step.wait();
      yield* says("ok");
    },
    {
      title: async function* () {
        await asked.wait();
        yield* says("A title");
      },
    },
  );
  const session = await room.session({ title: "" });
  await room.finished(await room.start(session, "one"));
  const second = await room.start(session, "two");
  await step.reached;
  asked.open();
  await expect.poll(async () => (await room.store.sessions.get(session))?.title).toBe("A title");
  step.open();
  await room.finished(second);
  const totals = bodies(await room.events(session), "usageUpdated");
  expect(totals.map(({ purpose, sessionUsage }) => [purpose, sessionUsage?.inputTokens])).toEqual([
    [Purpose.STEP, 10],
    [Purpose.TITLE, 20],
    [Purpose.STEP, 30],
  ]);
  expect((await room.store.sessions.get(session))?.usage?.inputTokens).toBe(30);
});
