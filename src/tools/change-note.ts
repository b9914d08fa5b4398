import type { JsonValue } from "@bufbuild/protobuf";
import type { ToolContext } from "../core/tool.js";

/** Which note of a tool. */
export interface NotePlace {
  readonly context: ToolContext;
  readonly scope: "session" | "agent";
  readonly name: string;
}

/** The last change under way of each note. */
const changes = new Map<string, Promise<unknown>>();

/**
 * Reads a note, lets `change` make a new one of it, and writes that; nothing is written when `change`
 * throws. Calls of one process that would change the same note wait for each other.
 */
export async function changeNote<T extends JsonValue>(
  { context, scope, name }: NotePlace,
  change: (old: JsonValue | undefined) => T,
): Promise<T> {
  // Which agent it is, is not known here: so all notes of agents under one name wait for each other.
  const key = scope === "session" ? `${name} ${context.sessionId}` : name;
  const work = async (): Promise<T> => {
    const value = change(await context.notes.read(scope, name));
    await context.notes.write(scope, name, value);
    return value;
  };
  const done = (changes.get(key) ?? Promise.resolve()).then(work, work);
  changes.set(key, done);
  try {
    return await done;
  } finally {
    if (changes.get(key) === done) changes.delete(key);
  }
}
