import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { newId } from "../core/id.js";
import { changeNote } from "./change-note.js";
import { defineTool } from "./define-tool.js";
import { objectsIn } from "./json-shape.js";
import { showText } from "./show-text.js";
import { ToolFailure } from "./tool-failure.js";

const mostMemories = 200;
const mostBytes = 4_096;

interface Memory {
  readonly id: string;
  readonly memory: string;
}

const inputSchema: JsonObject = {
  type: "object",
  properties: {
    action: { type: "string", enum: ["add", "list", "delete"], description: "What to do." },
    memory: { type: "string", description: "With add: what to remember, at most 4096 bytes." },
    id: { type: "string", description: "With delete: the id of the memory, as it was listed." },
  },
  required: ["action"],
};

/**
 * Keeps what an agent is to remember in all its sessions, in its notes alone. It is not read-only: what one
 * session writes, led by a page it read perhaps, would speak to all later ones.
 */
export const memoryTool = defineTool({
  name: "memory",
  description:
    "Remember facts in all sessions of this agent: add, list or delete memories. At most 200 are kept. list " +
    "answers with all of them as JSON.",
  inputSchema,
  readOnly: false,
  selfContained: true,
  summarize(input) {
    const subject = input.optionalText("memory") ?? input.optionalText("id") ?? "";
    return `memory ${input.text("action")}${subject === "" ? "" : `\n${showText(subject)}`}`;
  },
  async run(input, context, signal) {
    signal.throwIfAborted();
    const place = { context, scope: "agent", name: "memory" } as const;
    const action = input.text("action");
    if (action === "list") {
      const memories = readMemories(await context.notes.read(place.scope, place.name));
      return { text: JSON.stringify({ memories: memories.map(toJson) }), failed: false };
    }
    if (action === "add") {
      const added = { id: newId(), memory: memoryOf(input.optionalText("memory")) };
      await changeNote(place, (old) => ({ memories: [...withRoom(readMemories(old)), added].map(toJson) }));
      return { text: `remembered as ${added.id}`, failed: false };
    }
    const id = input.optionalText("id");
    if (id === undefined) throw new ToolFailure("id is required to delete");
    await changeNote(place, (old) => ({ memories: without(readMemories(old), id).map(toJson) }));
    return { text: `deleted ${id}`, failed: false };
  },
});

function memoryOf(text: string | undefined): string {
  if (text === undefined || text.trim() === "") throw new ToolFailure("memory is required to add");
  if (Buffer.byteLength(text) > mostBytes) throw new ToolFailure(`memory is longer than ${mostBytes} bytes`);
  return text;
}

function withRoom(memories: readonly Memory[]): readonly Memory[] {
  if (memories.length < mostMemories) return memories;
  throw new ToolFailure(`there are ${mostMemories} memories already; delete one first`);
}

function without(memories: readonly Memory[], id: string): readonly Memory[] {
  const rest = memories.filter((memory) => memory.id !== id);
  if (rest.length === memories.length) throw new ToolFailure("there is no memory with this id");
  return rest;
}

function readMemories(note: JsonValue | undefined): Memory[] {
  return objectsIn(note, "memories").flatMap(({ id, memory }) =>
    typeof id === "string" && typeof memory === "string" ? [{ id, memory }] : [],
  );
}

const toJson = ({ id, memory }: Memory): JsonObject => ({ id, memory });
