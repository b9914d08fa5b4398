import { changeNote } from "./change-note.js";
import { defineTool } from "./define-tool.js";
import { takeStart } from "./show-text.js";

/** In UTF-16 units, for all thoughts of a session together. */
const mostCharacters = 20_000;

/** Keeps the thoughts of a session in its notes, and shows them; of many, the latest. */
export const thinkTool = defineTool({
  name: "think",
  description:
    "Write a thought down, to reason or plan before acting. It changes nothing. Answers with the thoughts " +
    "of this session, the latest last.",
  inputSchema: {
    type: "object",
    properties: { thought: { type: "string", description: "The thought." } },
    required: ["thought"],
  },
  readOnly: true,
  selfContained: true,
  summarize: (input) => `think\n${input.text("thought")}`,
  async run(input, context, signal) {
    signal.throwIfAborted();
    const thought = takeStart(input.text("thought"), mostCharacters);
    const thoughts = await changeNote({ context, scope: "session", name: "think" }, (old) => {
      const before = Array.isArray(old) ? old.filter((one) => typeof one === "string") : [];
      return latest([...before, thought]);
    });
    return { text: `Thoughts:\n${thoughts.join("\n")}`, failed: false };
  },
});

function latest(thoughts: readonly string[]): string[] {
  let room = mostCharacters;
  let from = thoughts.length;
  for (const thought of thoughts.toReversed()) {
    room -= thought.length + 1;
    if (room < -1) break;
    from -= 1;
  }
  return thoughts.slice(from);
}
