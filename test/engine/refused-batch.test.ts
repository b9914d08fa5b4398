import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import type { ModelEvent } from "../../src/core/model-provider.js";
import { validHistory } from "../../src/engine/history.js";
import { bodies, calls, ending, kinds, openRoom, says, stopped, tool } from "./room.js";

/** Each has no encoding, as only a bug could have it. */
const bugs: { readonly name: string; readonly event: ModelEvent }[] = [
  { name: "a position below zero", event: { type: "text_started", index: -1 } },
  { name: "a position that is no whole number", event: { type: "text_started", index: 0.5 } },
  { name: "a position beyond what a field holds", event: { type: "reasoning_started", index: 2 ** 40 } },
];

describe("a run that writes what cannot be stored ends, and no other suffers", () => {
  it.each(bugs)("$name", async ({ event }) => {
    const room = await openRoom(
      async function* (request, _number, signal) {
        if (request.system !== "buggy") return yield* says("ok");
        if (request.messages.length === 1) return yield* calls({ name: "look" });
        yield { type: "text_started", index: 0 };
        yield { type: "text_delta", index: 0, text: "half" };
        // What came so far is stored by itself.
        await sleep(20);
        yield event;
        await stopped(signal);
      },
      { tools: [tool("look")] },
    );
    const session = await room.session({ agent: { instructions: "buggy" } });
    const other = await room.session();
    const run = await room.start(session, "go");
    const others = await Promise.all([room.start(other, "go")].map(async (one) => room.finished(await one)));
    const events = await room.finished(run);
    expect(ending(events)).toMatchObject({
      outcome: RunOutcome.FAILED,
      failure: { message: "what the run wrote cannot be stored" },
    });
    expect(kinds(events).filter((kind) => kind === "stepFinished")).toHaveLength(2);
    expect(bodies(events, "textFinished").map(({ text }) => text)).toEqual(["half"]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, i) => i + 1));
    expect(others.map((one) => ending(one).outcome)).toEqual([RunOutcome.COMPLETED]);
    expect(await room.store.runs.get(run.id)).toMatchObject({ state: RunState.FINISHED });
    expect(room.bugs).toHaveLength(1);

    room.answer(() => says("well"));
    const next = await room.finished(await room.start(session, "and now?"));
    expect(ending(next).outcome).toBe(RunOutcome.COMPLETED);
    const sent = room.requests.at(-1)?.messages ?? [];
    expect(validHistory(sent)).toEqual(sent);
    expect(sent).toHaveLength(5);
  });
});
