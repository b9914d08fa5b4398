import type { JsonObject } from "@bufbuild/protobuf";
import type { ToolOutput } from "../core/tool.js";
import { checkForm } from "./check-form.js";
import { defineTool } from "./define-tool.js";
import { isJsonObject } from "./json-shape.js";
import { ToolFailure } from "./tool-failure.js";
import { ToolInput } from "./tool-input.js";

/** In UTF-16 units. */
const longestMessage = 10_000;
const longestTitle = 200;

/** Asks the user, and answers with JSON: `{"action", "content"}`. Anything but an answer is a failed output. */
export const userPromptTool = defineTool({
  name: "user_prompt",
  description:
    "Ask the user a question and wait for the answer, when you cannot go on without it. With a schema the " +
    "user fills in a form. Never ask for passwords or keys.",
  inputSchema: {
    type: "object",
    properties: {
      message: { type: "string", description: "The question." },
      title: { type: "string", description: "A few words above the question." },
      schema: {
        type: "object",
        description:
          "JSON Schema of the answer: an object whose properties are of type string (perhaps with enum), " +
          "number, integer or boolean. Absent: the user agrees or declines.",
      },
    },
    required: ["message"],
  },
  readOnly: true,
  selfContained: true,
  summarize: (input) => `ask the user\n${questionOf(input)}`,
  async run(input, context, signal) {
    signal.throwIfAborted();
    const message = questionOf(input);
    const schema = input.get("schema");
    const form = isJsonObject(schema) ? schema : undefined;
    if (form !== undefined) checkForm(form);
    const { action, content } = await context.elicit({ message, ...(form && { requestedSchema: form }) });
    if (action !== "accept") return { text: JSON.stringify({ action }), failed: true };
    return answer(form, content ?? {});
  },
});

function questionOf(input: ToolInput): string {
  const message = input.text("message");
  const title = input.optionalText("title") ?? "";
  if (message.trim() === "") throw new ToolFailure("message is empty");
  if (message.length > longestMessage)
    throw new ToolFailure(`message is longer than ${longestMessage} characters`);
  if (title.length > longestTitle) throw new ToolFailure(`title is longer than ${longestTitle} characters`);
  return title.trim() === "" ? message : `${title}\n\n${message}`;
}

function answer(form: JsonObject | undefined, content: JsonObject): ToolOutput {
  if (form !== undefined) checkAnswer(form, content);
  return { text: JSON.stringify({ action: "accept", content }), failed: false };
}

function checkAnswer(form: JsonObject, content: JsonObject): void {
  try {
    new ToolInput(form, content);
  } catch (error) {
    if (error instanceof ToolFailure)
      throw new ToolFailure(`the user's answer does not fit the schema: ${error.message}`);
    throw error;
  }
}
