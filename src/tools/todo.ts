import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { changeNote } from "./change-note.js";
import { defineTool } from "./define-tool.js";
import { isJsonObject, objectsIn } from "./json-shape.js";
import { ToolFailure } from "./tool-failure.js";

const mostTodos = 200;
/** In UTF-16 units. */
const longestText = 1_000;
const states = ["pending", "in_progress", "done"];

interface Todo {
  readonly id: number;
  readonly text: string;
  readonly status: string;
}

const inputSchema: JsonObject = {
  type: "object",
  properties: {
    action: { type: "string", enum: ["list", "add", "update", "remove"], description: "What to do." },
    items: {
      type: "array",
      description: "add: text and perhaps status. update: id, and text or status or both. remove: id.",
      items: {
        type: "object",
        properties: {
          id: { type: "integer", description: "As it was listed." },
          text: { type: "string", description: "What is to be done." },
          status: { type: "string", enum: states, description: "Default: pending." },
        },
      },
    },
  },
  required: ["action"],
};

/**
 * Keeps the session's list of things to do, in its notes alone. Each call answers with the whole list as
 * JSON, `{"todos": [{"id", "text", "status"}]}`; a call that fails changes nothing.
 */
export const todoTool = defineTool({
  name: "todo",
  description:
    "Keep a list of what is to be done in this session: list, add, update or remove items. Answers with the " +
    "whole list. Use it for work of several steps, and keep one item in_progress.",
  inputSchema,
  readOnly: true,
  selfContained: true,
  summarize(input) {
    const items = input.get("items");
    return `todo ${input.text("action")}${Array.isArray(items) ? ` (${items.length})` : ""}`;
  },
  async run(input, context, signal) {
    signal.throwIfAborted();
    const action = input.text("action");
    const items = itemsOf(input.get("items"));
    if (action !== "list" && items.length === 0) throw new ToolFailure(`items is required to ${action}`);
    const note = await changeNote({ context, scope: "session", name: "todo" }, (old) => {
      const list = { todos: readTodos(old), next: nextId(old) };
      const { todos, next } = changeList(action, items, list);
      if (todos.length > mostTodos) throw new ToolFailure(`a list holds at most ${mostTodos} items`);
      return { todos: todos.map(({ id, text, status }) => ({ id, text, status })), next };
    });
    return { text: JSON.stringify({ todos: note.todos }), failed: false };
  },
});

interface TodoList {
  readonly todos: readonly Todo[];
  readonly next: number;
}

function changeList(action: string, items: readonly JsonObject[], { todos, next }: TodoList): TodoList {
  if (action === "add") {
    const added = items.map((item, index) => ({
      id: next + index,
      text: textOf(item) ?? missing("text"),
      status: statusOf(item) ?? "pending",
    }));
    return { todos: [...todos, ...added], next: next + added.length };
  }
  const known = new Set(todos.map(({ id }) => id));
  const named = new Map(items.map((item) => [idOf(item, known), item]));
  if (action === "remove") return { todos: todos.filter(({ id }) => !named.has(id)), next };
  if (action !== "update") return { todos, next };
  const updated = todos.map((todo) => {
    const item = named.get(todo.id);
    if (item === undefined) return todo;
    return { id: todo.id, text: textOf(item) ?? todo.text, status: statusOf(item) ?? todo.status };
  });
  return { todos: updated, next };
}

function itemsOf(value: JsonValue | undefined): JsonObject[] {
  if (value === undefined || !Array.isArray(value)) return [];
  return value.map((item) => {
    if (isJsonObject(item)) return item;
    throw new ToolFailure("each of items must be an object");
  });
}

function idOf({ id }: JsonObject, known: ReadonlySet<number>): number {
  // Models like to write numbers as texts.
  const number = typeof id === "string" && id !== "" ? Number(id) : id;
  if (typeof number !== "number") return missing("id");
  if (!known.has(number)) throw new ToolFailure(`there is no item with the id ${number}`);
  return number;
}

function textOf({ text }: JsonObject): string | undefined {
  if (text === undefined || text === null) return undefined;
  if (typeof text !== "string" || text.trim() === "")
    throw new ToolFailure("text must be a string with words");
  if (text.length > longestText) throw new ToolFailure(`text is longer than ${longestText} characters`);
  return text;
}

function statusOf({ status }: JsonObject): string | undefined {
  if (status === undefined || status === null) return undefined;
  if (typeof status === "string" && states.includes(status)) return status;
  throw new ToolFailure(`status must be one of ${states.join(", ")}`);
}

function missing(name: string): never {
  throw new ToolFailure(`each of items must have ${name}`);
}

function readTodos(note: JsonValue | undefined): Todo[] {
  return objectsIn(note, "todos").flatMap(({ id, text, status }) =>
    typeof id === "number" && typeof text === "string" && typeof status === "string"
      ? [{ id, text, status }]
      : [],
  );
}

/** Ids are not used again, so that an old id never means a new item. */
function nextId(note: JsonValue | undefined): number {
  return isJsonObject(note) && typeof note.next === "number" ? note.next : 1;
}
