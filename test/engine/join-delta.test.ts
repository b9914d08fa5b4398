import { describe, expect, it } from "vitest";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { ModelEvent } from "../../src/core/model-provider.js";
import { bodies, calls, ending, gate, openRoom, says, stopped, tool } from "./room.js";

const pieces = (count: number) => Array.from({ length: count }, (_, i) => `piece ${i}; `);

const textOf = (events: readonly Event[]) =>
  bodies(events, "textDelta")
    .map(({ text }) => text)
    .join("");

async function answered(script: () => Iterable<ModelEvent> | AsyncIterable<ModelEvent>) {
  const room = await openRoom(script);
  const session = await room.session();
  const events = await room.finished(await room.start(session, "go"));
  expect(room.bugs).toEqual([]);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, i) => i + 1));
  expect(await room.events(session)).toEqual(events);
  return events;
}

describe("deltas of one turn of the event loop", () => {
  it("are events of their own while they are few", async () => {
    const texts = pieces(50);
    const events = await answered(() => says(texts.join(""), texts));
    expect(bodies(events, "textDelta").map(({ text }) => text)).toEqual(texts);
  });

  it("are joined when they are many, and nothing of them is lost", async () => {
    const texts = pieces(5000);
    const events = await answered(() => says(texts.join(""), texts));
    expect(textOf(events)).toBe(texts.join(""));
    const deltas = bodies(events, "textDelta").map(({ text }) => text);
    expect(deltas.length).toBeLessThan(200);
    expect(Math.max(...deltas.map((text) => text.length))).toBeLessThan(1100);
    expect(deltas[0]).toBe(texts[0]);
    expect(bodies(events, "textFinished").map(({ text }) => text)).toEqual([texts.join("")]);
    expect(ending(events).outcome).toBe(RunOutcome.COMPLETED);
  });

  it("are joined only where they go on: each block keeps its own", async () => {
    const reasoning = pieces(300);
    const texts = pieces(300);
    const other = texts.map((text) => text.toUpperCase());
    const events = await answered(function* (): Generator<ModelEvent> {
      yield { type: "reasoning_started", index: 0 };
      for (const text of reasoning) yield { type: "reasoning_delta", index: 0, text };
      yield { type: "reasoning_finished", index: 0, text: reasoning.join(""), signature: "", redacted: "" };
      yield { type: "text_started", index: 1 };
      for (const text of texts) yield { type: "text_delta", index: 1, text };
      yield { type: "text_finished", index: 1, text: texts.join("") };
      for (const event of says(other.join(""), other))
        yield "index" in event ? { ...event, index: 2 } : event;
    });
    const joined = (of: readonly { index: number; text: string }[], index: number) =>
      of
        .filter((delta) => delta.index === index)
        .map(({ text }) => text)
        .join("");
    expect(joined(bodies(events, "reasoningDelta"), 0)).toBe(reasoning.join(""));
    expect(joined(bodies(events, "textDelta"), 1)).toBe(texts.join(""));
    expect(joined(bodies(events, "textDelta"), 2)).toBe(other.join(""));
    expect(events.length).toBeLessThan(300);
    const order = events.flatMap(({ body }) =>
      body.case && /^(?:text|reasoning)/.test(body.case) ? [body.case] : [],
    );
    expect(order.filter((kind, i) => kind !== order[i - 1])).toEqual([
      "reasoningStarted",
      "reasoningDelta",
      "reasoningFinished",
      "textStarted",
      "textDelta",
      "textFinished",
      "textStarted",
      "textDelta",
      "textFinished",
    ]);
  });

  it("are joined in the arguments of a tool call too", async () => {
    const json = JSON.stringify({ text: "x".repeat(4000) });
    const room = await openRoom(
      (_request, number) =>
        number > 1
          ? says("done")
          : (function* (): Generator<ModelEvent> {
              yield { type: "tool_input_started", index: 0, toolCallId: "call_1", name: "add" };
              for (const character of json) yield { type: "tool_input_delta", index: 0, json: character };
              yield { type: "tool_input_finished", index: 0, name: "add", json };
              yield [...calls()].at(-1) as ModelEvent;
            })(),
      { tools: [tool("add")] },
    );
    const session = await room.session();
    const events = await room.finished(await room.start(session, "go"));
    const deltas = bodies(events, "toolInputDelta");
    expect(deltas.map((delta) => delta.json).join("")).toBe(json);
    expect(deltas.length).toBeLessThan(100);
    expect(new Set(deltas.map(({ toolCallId }) => toolCallId))).toEqual(new Set(["call_1"]));
  });

  it("are whole in what is kept of a run that is cut after them", async () => {
    const texts = pieces(1000);
    const door = gate();
    const room = await openRoom(async function* (_request, _number, signal): AsyncGenerator<ModelEvent> {
      yield { type: "text_started", index: 0 };
      for (const text of texts) yield { type: "text_delta", index: 0, text };
      door.open();
      await stopped(signal);
    });
    const session = await room.session();
    const run = await room.start(session, "go");
    await door.passed;
    await room.engine.cancel(run.id);
    const events = await room.finished(run);
    expect(textOf(events)).toBe(texts.join(""));
    expect(bodies(events, "textFinished").map(({ text }) => text)).toEqual([texts.join("")]);
    const [, answer] = await room.messages(session);
    expect(answer?.parts[0]?.content.value).toBe(texts.join(""));
  });
});
