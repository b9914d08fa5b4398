import { describe, expect, it } from "vitest";
import { ErrorReason } from "../../gen/agentry/v1/error_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { FaultDetail } from "../../src/core/fault.js";
import { Fault } from "../../src/core/fault.js";
import { validHistory } from "../../src/engine/history.js";
import { bodies, ending, kinds, openRoom, replaced, says, stalls, tool } from "./room.js";

const down = (detail: FaultDetail = {}): Fault =>
  new Fault("unavailable", "overloaded", {
    retryable: true,
    provider: "fake",
    providerStatus: 529,
    ...detail,
  });

// biome-ignore lint/correctness/useYield: it fails before it says anything
async function* fails(fault: Fault): AsyncGenerator<never> {
  throw fault;
}

const fallbacks = [{ provider: "fake", name: "two" }];

describe("a model call that fails", () => {
  it("is made again", async () => {
    const room = await openRoom((_request, number) => (number < 3 ? fails(down()) : says("ok")));
    const events = await room.finished(await room.start(await room.session(), "go"));
    expect(ending(events)).toMatchObject({ outcome: RunOutcome.COMPLETED, steps: 1 });
    const retries = bodies(events, "retryScheduled");
    expect(retries).toMatchObject([
      { attempt: 1, model: "fake/one", failure: { providerStatus: 529, retryable: true } },
      { attempt: 2, model: "fake/one" },
    ]);
    expect(kinds(events).filter((kind) => kind === "stepStarted")).toHaveLength(3);
    expect(kinds(events).filter((kind) => kind === "stepFinished")).toHaveLength(3);
  });

  it("waits as long as the provider asks, but no longer than the policy allows", async () => {
    const asked = [3, 5000];
    const room = await openRoom((_request, number) =>
      number < 3 ? fails(down({ retryAfterMs: asked[number - 1] ?? 0 })) : says("ok"),
    );
    const events = await room.finished(await room.start(await room.session(), "go"));
    expect(bodies(events, "retryScheduled").map(({ delayMs }) => delayMs)).toEqual([3, 20]);
  });

  it("is given up after the attempts of the policy", async () => {
    const room = await openRoom(() => fails(down()));
    const session = await room.session();
    const events = await room.finished(await room.start(session, "go"));
    expect(room.requests).toHaveLength(3);
    const failure = {
      reason: ErrorReason.UNAVAILABLE,
      retryable: true,
      provider: "fake",
      providerStatus: 529,
    };
    expect(ending(events)).toMatchObject({ outcome: RunOutcome.FAILED, failure });
    expect(room.bugs).toEqual([]);
    room.answer(() => says("ok"));
    expect(ending(await room.finished(await room.start(session, "again"))).outcome).toBe(
      RunOutcome.COMPLETED,
    );
  });

  it("is not made again when that would not help", async () => {
    const room = await openRoom(() => fails(new Fault("invalid", "no such model", { retryable: false })));
    const events = await room.finished(await room.start(await room.session(), "go"));
    expect(room.requests).toHaveLength(1);
    expect(ending(events)).toMatchObject({
      outcome: RunOutcome.FAILED,
      failure: { message: "no such model" },
    });
  });

  it("goes to the next model, and the event says so", async () => {
    const room = await openRoom((request) => (request.model === "one" ? fails(down()) : says("ok")));
    const session = await room.session({ agent: { fallbacks } });
    const events = await room.finished(await room.start(session, "go"));
    expect(room.requests.map(({ model }) => model)).toEqual(["one", "one", "one", "two"]);
    expect(bodies(events, "retryScheduled").at(-1)).toMatchObject({ model: "fake/two", delayMs: 0 });
    expect((await room.messages(session)).at(-1)?.model).toBe("fake/two");
  });

  it("is not made again once an answer has begun: it is kept, and marked", async () => {
    const room = await openRoom(async function* () {
      yield { type: "text_started", index: 0 } as const;
      yield { type: "text_delta", index: 0, text: "half" } as const;
      throw down();
    });
    const session = await room.session({ agent: { fallbacks } });
    const events = await room.finished(await room.start(session, "go"));
    expect(room.requests).toHaveLength(1);
    expect(ending(events).outcome).toBe(RunOutcome.FAILED);
    expect((await room.messages(session)).at(-1)).toMatchObject({ interrupted: true });
  });

  it("runs no call whose arguments were cut, and leaves a valid history", async () => {
    let ran = 0;
    const change = tool("change", async () => {
      ran += 1;
      return { text: "", failed: false };
    });
    const room = await openRoom(
      async function* () {
        yield { type: "tool_input_started", index: 0, toolCallId: "whole", name: "change" } as const;
        yield { type: "tool_input_finished", index: 0, name: "change", json: "{}" } as const;
        yield { type: "tool_input_started", index: 1, toolCallId: "cut", name: "change" } as const;
        yield { type: "tool_input_delta", index: 1, json: '{"a":' } as const;
        throw down();
      },
      { tools: [change] },
    );
    const session = await room.session();
    const events = await room.finished(await room.start(session, "go"));
    expect(ran).toBe(0);
    expect(bodies(events, "toolInputFinished").at(-1)?.toolCall).toMatchObject({ invalidArguments: '{"a":' });
    const messages = await room.messages(session);
    expect(validHistory(messages)).toEqual(messages);
    expect(messages.at(-2)?.parts).toHaveLength(1);
  });

  it("can be canceled while it waits", async () => {
    const room = await openRoom(() => fails(down()), {
      retry: { attempts: 3, baseMs: 2 ** 30, maxMs: 2 ** 30 },
    });
    const session = await room.session();
    const run = await room.start(session, "go");
    await expect.poll(async () => kinds(await room.events(session))).toContain("retryScheduled");
    await room.engine.cancel(run.id);
    expect(ending(await room.finished(run)).outcome).toBe(RunOutcome.CANCELED);
  });

  it("fails the run when the provider falls silent in its answer", async () => {
    const room = await openRoom(async function* () {
      yield { type: "text_started", index: 0 } as const;
      throw new Fault("timeout", "the provider is silent", { retryable: true });
    });
    const events = await room.finished(await room.start(await room.session(), "go"));
    expect(ending(events)).toMatchObject({
      outcome: RunOutcome.FAILED,
      failure: { reason: ErrorReason.TIMEOUT },
    });
  });

  it("fails the run as a fault of the server when nobody understands it", async () => {
    const room = await openRoom(() => {
      throw new TypeError("the secret of the server");
    });
    const events = await room.finished(await room.start(await room.session(), "go"));
    expect(ending(events).failure).toMatchObject({ reason: ErrorReason.INTERNAL, message: "internal error" });
    expect(room.bugs).toHaveLength(1);
  });

  it("fails the run when the answer ends without saying so", async () => {
    const room = await openRoom(async function* () {
      yield { type: "text_started", index: 0 } as const;
    });
    expect(ending(await room.finished(await room.start(await room.session(), "go"))).outcome).toBe(
      RunOutcome.FAILED,
    );
  });
});

describe("a full disk", () => {
  it("refuses new runs, fails the one under way, and is forgotten when there is room", async () => {
    const disk = { full: false };
    const room = await openRoom(
      (_request, number, signal) => (number === 1 ? stalls("half", signal) : says("ok")),
      {
        store: (real) =>
          replaced(real, {
            commit: async (batches) => {
              if (disk.full) throw new Fault("exhausted", "the disk is full", { retryable: true });
              return real.commit(batches);
            },
          }),
        tools: [tool("look", undefined, true)],
      },
    );
    const [first, second] = [await room.session(), await room.session()];
    const run = await room.start(first, "go");
    await expect.poll(async () => kinds(await room.events(first))).toContain("textStarted");
    disk.full = true;
    await expect(room.start(second, "go")).rejects.toMatchObject({ reason: "exhausted" });
    const canceled = room.engine.cancel(run.id);
    await canceled;
    await expect(room.start(first, "more")).rejects.toMatchObject({ reason: "exhausted" });
    disk.full = false;
    expect(ending(await room.finished(run)).outcome).toBe(RunOutcome.CANCELED);
    expect(ending(await room.finished(await room.start(second, "go"))).outcome).toBe(RunOutcome.COMPLETED);
    expect(ending(await room.finished(await room.start(first, "go"))).outcome).toBe(RunOutcome.COMPLETED);
  });
});
