import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import type { RunFinished } from "../../gen/agentry/v1/event_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { ToolOutput } from "../core/tool.js";
import { runChild } from "./child-run.js";
import type { DelegateToolDraft } from "./delegate-tool.js";
import { failed, textOf } from "./delegate-tool.js";
import type { RunTools, RunWork } from "./run-loop.js";

/** Longest answer that the agent which gave the task is shown, in UTF-16 units. */
const mostAnswer = 50_000;

/** `transfer_task`: another agent does a task in a child session and reports back. */
export function transferTask(run: RunTools, work: RunWork): DelegateToolDraft {
  return {
    name: "transfer_task",
    mode: DelegateMode.TASK,
    description:
      "Give a task to another agent. It works on it in a conversation of its own and answers with what came of it. " +
      "It sees nothing of this conversation, so say everything that it has to know. Tasks that do not depend on each " +
      "other can be given at once.",
    properties: {
      task: { type: "string", description: "What to do, with everything that the agent has to know." },
      expected_output: { type: "string", description: "What the answer should hold, and in which form." },
    },
    required: ["task"],
    summarize: (agent, input) => `Give a task to ${agent}\n${textOf(input, "task")}`,
    async give(agent, input, { toolCallId }, signal) {
      if (!work.budget.hasRoom(1))
        return failed("The task was not given: no step is left for another agent.");
      const task = {
        agent,
        toolCallId,
        text: textOf(input, "task"),
        expected: textOf(input, "expected_output"),
      };
      return work.children.admit(async () => toOutput(await runChild(run, work, task, signal)));
    },
  };
}

function toOutput(finished: RunFinished | undefined): ToolOutput {
  if (!finished) return failed("The task was not finished: its session is gone.");
  const answer = answerOf(finished);
  if (finished.outcome === RunOutcome.COMPLETED)
    return cut(answer || "The agent ended without an answer.", false);
  const said = answer && `\nIts last words:\n${answer}`;
  return cut(`${whyEnded(finished)}${said}`, true);
}

function whyEnded({ outcome, failure }: RunFinished): string {
  switch (outcome) {
    case RunOutcome.FAILED:
      return `The agent failed: ${failure?.message ?? "nobody knows why"}.`;
    case RunOutcome.LIMIT_REACHED:
      return "The agent did not finish: it reached its limit of steps.";
    case RunOutcome.CANCELED:
      return "The agent did not finish: somebody canceled its run.";
    case RunOutcome.INTERRUPTED:
      return "The agent did not finish: the server stopped.";
    case RunOutcome.COMPLETED:
    case RunOutcome.UNSPECIFIED:
      return "";
    default:
      return outcome satisfies never;
  }
}

function answerOf({ finalMessage }: RunFinished): string {
  const texts = finalMessage?.parts.flatMap(({ content }) =>
    content.case === "text" ? [content.value] : [],
  );
  return texts?.join("\n") ?? "";
}

function cut(text: string, failed: boolean): ToolOutput {
  if (text.length <= mostAnswer) return { text, failed };
  return {
    text: `${text.slice(0, mostAnswer)}\n[Cut: the whole is ${text.length} characters long.]`,
    failed,
    truncated: true,
  };
}
