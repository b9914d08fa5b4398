import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { oneLine, terminalText } from "./terminal-text.js";

/** Where a run is shown: the answer on one stream, everything else on the other. */
export interface RunOutput {
  answer(text: string): void;
  note(text: string): void;
}

/** Prints a run's events for a person, as they come. */
export class RunPrinter {
  #atLineStart = true;

  constructor(private readonly output: RunOutput) {}

  print({ body }: Event): void {
    switch (body.case) {
      case "textDelta":
        this.#answer(body.value.text);
        break;
      case "textFinished":
        this.#endLine();
        break;
      case "toolCallStarted":
        if (body.value.toolCall) this.#note(`> ${callLine(body.value.toolCall)}`);
        break;
      case "toolCallFinished":
        if (body.value.result) this.#note(resultLine(body.value.result, body.value.durationMs));
        break;
      case "retryScheduled":
        this.#note(`! ${oneLine(body.value.failure?.message ?? "")}; again in ${body.value.delayMs} ms`);
        break;
      case "warningRaised":
        this.#note(`! ${oneLine(body.value.message)}`);
        break;
      case "runFinished":
        this.#endLine();
        if (body.value.outcome !== RunOutcome.COMPLETED) this.#note(outcomeLine(body.value));
        break;
      default:
        break;
    }
  }

  #answer(text: string): void {
    this.output.answer(terminalText(text));
    this.#atLineStart = text.endsWith("\n");
  }

  #endLine(): void {
    if (!this.#atLineStart) this.output.answer("\n");
    this.#atLineStart = true;
  }

  #note(text: string): void {
    this.#endLine();
    this.output.note(`${text}\n`);
  }
}

function callLine({ name, arguments: input }: ToolCall): string {
  return oneLine(`${name} ${JSON.stringify(input ?? {})}`);
}

function resultLine(
  { status, output }: { status: ToolCallStatus; output: string },
  durationMs: number,
): string {
  const word = ToolCallStatus[status]?.toLowerCase() ?? "ended";
  return `< ${word} after ${durationMs} ms: ${oneLine(output)}`;
}

function outcomeLine({
  outcome,
  failure,
}: {
  outcome: RunOutcome;
  failure?: { message: string } | undefined;
}): string {
  const word = RunOutcome[outcome]?.toLowerCase().replaceAll("_", " ") ?? "ended";
  return failure ? `! ${word}: ${oneLine(failure.message, 500)}` : `! ${word}`;
}
