import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Tool, ToolContext } from "../../src/core/tool.js";
import { memoryTool } from "../../src/tools/memory.js";
import { thinkTool } from "../../src/tools/think.js";
import { todoTool } from "../../src/tools/todo.js";
import { makeNotePlace } from "./note-place.js";

const call = (tool: Tool, context: ToolContext, input: JsonObject) =>
  tool.run(input, context, new AbortController().signal);

const open = { id: 1, text: "a", status: "pending" };

describe("todo", () => {
  const cases = [
    { name: "an empty list", calls: [{ action: "list" }], todos: [] },
    { name: "an item", calls: [{ action: "add", items: [{ text: "a" }] }], todos: [open] },
    {
      name: "items with their state",
      calls: [{ action: "add", items: [{ text: "a" }, { text: "b", status: "in_progress" }] }],
      todos: [open, { id: 2, text: "b", status: "in_progress" }],
    },
    {
      name: "a new state, by an id that is a text",
      calls: [
        { action: "add", items: [{ text: "a" }] },
        { action: "update", items: [{ id: "1", status: "done" }] },
      ],
      todos: [{ ...open, status: "done" }],
    },
    {
      name: "a new text",
      calls: [
        { action: "add", items: [{ text: "a" }] },
        { action: "update", items: [{ id: 1, text: "b" }] },
      ],
      todos: [{ ...open, text: "b" }],
    },
    {
      name: "new ids after removals",
      calls: [
        { action: "add", items: [{ text: "a" }] },
        { action: "remove", items: [{ id: 1 }] },
        { action: "add", items: [{ text: "b" }] },
      ],
      todos: [{ id: 2, text: "b", status: "pending" }],
    },
  ];

  it.each(cases)("answers with $name", async ({ calls, todos }) => {
    const { context } = makeNotePlace();
    let output = { text: "", failed: true };
    for (const input of calls) output = await call(todoTool, context, input);
    expect(output.failed).toBe(false);
    expect(JSON.parse(output.text)).toEqual({ todos });
  });

  it.each([
    { items: undefined, action: "add", text: "items is required to add" },
    { items: ["a"], action: "add", text: "each of items must be an object" },
    { items: [{ status: "done" }], action: "add", text: "each of items must have text" },
    { items: [{ text: " " }], action: "add", text: "text must be a string with words" },
    { items: [{ text: "x".repeat(1_001) }], action: "add", text: "text is longer than 1000 characters" },
    { items: [{ text: "x", status: "new" }], action: "add", text: "status must be one of pending" },
    { items: [{ text: "x" }], action: "update", text: "each of items must have id" },
    {
      items: [{ id: 1, status: "done" }, { id: 9 }],
      action: "update",
      text: "there is no item with the id 9",
    },
    { items: [{ id: 9 }], action: "remove", text: "there is no item with the id 9" },
    { items: Array(200).fill({ text: "x" }), action: "add", text: "a list holds at most 200 items" },
    { items: [], action: "burn", text: "action must be one of" },
  ])("refuses to $action: $text", async ({ items, action, text }) => {
    const { context } = makeNotePlace();
    const before = await call(todoTool, context, { action: "add", items: [{ text: "a" }] });
    const input: JsonObject = { action, ...(items && { items }) };
    expect(await call(todoTool, context, input)).toEqual({
      text: expect.stringContaining(text),
      failed: true,
    });
    expect(await call(todoTool, context, { action: "list" })).toEqual(before);
  });

  it("loses nothing of calls made at once", async () => {
    const { context, notes } = makeNotePlace();
    const add = (text: string) => call(todoTool, context, { action: "add", items: [{ text }] });
    await Promise.all([..."abcdefgh"].map(add));
    const output = await call(todoTool, context, { action: "list" });
    const todos: { id: number; text: string }[] = JSON.parse(output.text).todos;
    expect(todos.map(({ text }) => text).join("")).toBe("abcdefgh");
    expect(new Set(todos.map(({ id }) => id)).size).toBe(8);
    expect([...notes.keys()]).toEqual(["session todo"]);
  });
});

describe("think", () => {
  it("answers with all thoughts, the latest last", async () => {
    const { context } = makeNotePlace();
    await call(thinkTool, context, { thought: "one" });
    const output = await call(thinkTool, context, { thought: "two" });
    expect(output).toEqual({ text: "Thoughts:\none\ntwo", failed: false });
  });

  it("forgets the oldest of too many, and cuts one that is too long", async () => {
    const { context } = makeNotePlace();
    for (const letter of "abc") await call(thinkTool, context, { thought: letter.repeat(9_000) });
    const output = await call(thinkTool, context, { thought: "d" });
    expect(output.text).toBe(`Thoughts:\n${"b".repeat(9_000)}\n${"c".repeat(9_000)}\nd`);
    const long = await call(thinkTool, context, { thought: "e".repeat(30_000) });
    expect(long.text).toBe(`Thoughts:\n${"e".repeat(20_000)}`);
  });
});

describe("memory", () => {
  it("remembers for the agent, lists and deletes", async () => {
    const { context, notes } = makeNotePlace();
    const added = await call(memoryTool, context, { action: "add", memory: "likes tea" });
    const id = added.text.replace("remembered as ", "");
    await call(memoryTool, { ...context, sessionId: "another" }, { action: "add", memory: "has a cat" });
    const list = await call(memoryTool, context, { action: "list" });
    const memories: JsonObject[] = JSON.parse(list.text).memories;
    expect(memories.map(({ memory }) => memory)).toEqual(["likes tea", "has a cat"]);
    expect(memories[0]?.id).toBe(id);
    expect(await call(memoryTool, context, { action: "delete", id })).toEqual({
      text: `deleted ${id}`,
      failed: false,
    });
    expect((await call(memoryTool, context, { action: "list" })).text).not.toContain("tea");
    expect([...notes.keys()]).toEqual(["agent memory"]);
  });

  it.each([
    { input: { action: "add" }, text: "memory is required to add" },
    { input: { action: "add", memory: "é".repeat(2_049) }, text: "memory is longer than 4096 bytes" },
    { input: { action: "delete" }, text: "id is required to delete" },
    { input: { action: "delete", id: "x" }, text: "there is no memory with this id" },
  ])("refuses: $text", async ({ input, text }) => {
    expect(await call(memoryTool, makeNotePlace().context, input)).toEqual({ text, failed: true });
  });

  it("holds 200 memories, also of sessions that write at once", async () => {
    const { context } = makeNotePlace();
    const outputs = await Promise.all(
      Array.from({ length: 201 }, (_, index) =>
        call(memoryTool, { ...context, sessionId: `${index % 3}` }, { action: "add", memory: "m" }),
      ),
    );
    expect(outputs.filter(({ failed }) => failed)).toEqual([
      { text: "there are 200 memories already; delete one first", failed: true },
    ]);
  });

  it("shows people what would be remembered", () => {
    expect(memoryTool.summarize({ action: "add", memory: "a\u202eb" })).toBe("memory add\na\\u{202e}b");
  });
});
