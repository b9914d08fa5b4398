import type { Elicitation, Event, McpServerUpdated } from "../../gen/agentry/v1/event_pb.js";
import { McpServerState, RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import { ToolCallStatus } from "../../gen/agentry/v1/message_pb.js";
import { oneLine, terminalText } from "./terminal-text.js";

/** Where a run is shown: the answer on one stream, everything else on the other. */
export interface RunOutput {
  answer(text: string): void;
  note(text: string): void;
}

/**
 * Prints a run's events for a person, as they come. What other agents do for the run is noted under their names,
 * what they say when it is whole: several may speak at once.
 */
export class RunPrinter {
  readonly #children = new Map<string, RunPrinter>();
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
      case "agentChanged":
        this.#note(`> ${oneLine(body.value.agentName, longestName)} goes on`);
        break;
      case "childEvent":
        if (body.value.event) this.#printChild(body.value.event);
        break;
      case "mcpServerUpdated":
        this.#note(serverLine(body.value));
        break;
      case "elicitationRequested":
        if (body.value.elicitation) this.#note(questionLine(body.value.elicitation));
        break;
      case "runFinished":
        this.#endLine();
        if (body.value.outcome !== RunOutcome.COMPLETED) this.#note(outcomeLine(body.value));
        break;
      default:
        break;
    }
  }

  #printChild(event: Event): void {
    const { body, sessionId } = event;
    if (body.case === "runStarted") this.#children.set(sessionId, this.#childPrinter(body.value.agentName));
    if (body.case === "textFinished") this.#children.get(sessionId)?.say(body.value.text);
    else if (body.case !== "textDelta") this.#children.get(sessionId)?.print(event);
    if (body.case === "runFinished") this.#children.delete(sessionId);
  }

  #childPrinter(agentName: string): RunPrinter {
    const name = oneLine(agentName, longestName);
    const note = (text: string): void => this.#note(`  [${name}] ${text.trimEnd()}`);
    return new RunPrinter({ answer: note, note });
  }

  /** Notes a text, line by line. */
  say(text: string): void {
    for (const line of terminalText(text).split("\n")) if (line.trim() !== "") this.#note(line);
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

const longestName = 40;

function callLine({ name, arguments: input }: ToolCall): string {
  return oneLine(`${name} ${JSON.stringify(input ?? {})}`);
}

function serverLine({ server, state, tools, message }: McpServerUpdated): string {
  const word = McpServerState[state]?.toLowerCase().replaceAll("_", " ") ?? "changed";
  return oneLine(`* ${server} ${word}: ${message || tools.join(", ")}`);
}

function questionLine({ id, message, url }: Elicitation): string {
  return oneLine(`? ${message}${url && ` ${url}`} (elicitation ${id})`, 4000);
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
