import type { JsonValue } from "@bufbuild/protobuf";
import type { ElicitationOutcome, ElicitationQuestion, ToolContext } from "../../src/core/tool.js";
import { makeWorkPlace } from "./work-place.js";

/** A context whose notes last and whose user answers. */
export interface NotePlace {
  readonly context: ToolContext;
  /** By scope and name. */
  readonly notes: Map<string, JsonValue>;
  readonly asked: ElicitationQuestion[];
}

/** Makes a context with these notes; every write of them takes a turn, so that unordered ones would be lost. */
export function makeNotePlace(outcome: ElicitationOutcome = { action: "cancel" }): NotePlace {
  const notes = new Map<string, JsonValue>();
  const asked: ElicitationQuestion[] = [];
  const context: ToolContext = {
    ...makeWorkPlace().context,
    workDir: "",
    notes: {
      async read(scope, name) {
        await new Promise(setImmediate);
        return structuredClone(notes.get(`${scope} ${name}`));
      },
      async write(scope, name, value) {
        await new Promise(setImmediate);
        notes.set(`${scope} ${name}`, structuredClone(value));
      },
    },
    async elicit(question) {
      asked.push(question);
      return outcome;
    },
  };
  return { context, notes, asked };
}
