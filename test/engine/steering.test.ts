import { describe, expect, it } from "vitest";
import { RunState, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { calls, ending, gate, kinds, openRoom, said, says, stalls, tool } from "./room.js";

const steer = { whenBusy: WhenBusy.STEER };

describe("steering", () => {
  it("reaches the model at the next step, after the results", async () => {
    const door = gate();
    const work = tool("work", async () => {
      await door.wait();
      return { text: "", failed: false };
    });
    const room = await openRoom((_request, number) => (number === 1 ? calls({ name: "work" }) : says("ok")), {
      tools: [work],
    });
    const session = await room.session();
    const run = await room.start(session, "go");
    await door.reached;
    expect((await room.start(session, "left!", steer)).id).toBe(run.id);
    door.open();
    const events = await room.finished(run);
    expect(room.requests[1]?.messages.map(({ role }) => role)).toEqual([1, 2, 3, 1]);
    expect(said(room.requests[1]?.messages ?? []).at(-1)).toBe("left!");
    expect(kinds(events).filter((kind) => kind === "runStarted")).toHaveLength(1);
  });

  it("reaches a run in its last step, which then goes on", async () => {
    const door = gate();
    const room = await openRoom(async function* (_request, number) {
      if (number === 1) await door.wait();
      yield* says(`answer ${number}`);
    });
    const session = await room.session();
    const run = await room.start(session, "go");
    await room.start(session, "more", steer);
    door.open();
    expect(ending(await room.finished(run)).steps).toBe(2);
    expect(said(await room.messages(session))).toEqual(["go", "answer 1", "more", "answer 2"]);
  });

  it("runs by itself when the run is canceled first", async () => {
    const room = await openRoom((_request, number, signal) =>
      number === 1 ? stalls("…", signal) : says("ok"),
    );
    const session = await room.session();
    const run = await room.start(session, "go");
    await room.start(session, "more", steer);
    await room.engine.cancel(run.id);
    await expect.poll(() => room.requests.length).toBe(2);
    expect(said(room.requests[1]?.messages ?? [])).toEqual(["go", "…", "more"]);
  });

  it("attaches a repeated request to the run that answers it, before and after", async () => {
    const door = gate();
    const room = await openRoom(async function* (_request, number) {
      if (number === 1) await door.wait();
      yield* says("ok");
    });
    const session = await room.session();
    const run = await room.start(session, "go");
    const named = { ...steer, requestId: "r1" };
    expect((await room.start(session, "more", named)).id).toBe(run.id);
    expect((await room.start(session, "more", named)).id).toBe(run.id);
    door.open();
    await room.finished(run);
    expect((await room.start(session, "more", named)).id).toBe(run.id);
    expect(said(await room.messages(session)).filter((text) => text === "more")).toHaveLength(1);
  });

  it("lets no reader wait for a run whose message was given to another", async () => {
    const door = gate();
    const room = await openRoom(async function* (_request, number) {
      if (number === 1) await door.wait();
      yield* says("ok");
    });
    const session = await room.session();
    await room.start(session, "go");
    await room.start(session, "more", steer);
    const { items } = await room.store.runs.list(session, { limit: 10 });
    const steered = items.find(({ state }) => state === RunState.QUEUED);
    const read = room.finished(steered?.id ?? "");
    door.open();
    expect(await read).toEqual([]);
  });
});
