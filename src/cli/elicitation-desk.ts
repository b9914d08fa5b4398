import type { Elicitation, Event } from "../../gen/agentry/v1/event_pb.js";
import { ElicitationAction } from "../../gen/agentry/v1/run_pb.js";
import { askLine } from "./ask-line.js";
import type { Clients } from "./client.js";
import { fillForm } from "./fill-form.js";
import { submitForm } from "./submit-form.js";
import { markedLines } from "./terminal-text.js";
import type { Turns } from "./turns.js";

/**
 * Answers the questions of a run's tools, those of its child sessions too, as the person at the terminal says, and
 * cancels them where nobody is there to ask. A question with a page is answered there, or by another client.
 */
export class ElicitationDesk {
  readonly #open = new Map<string, AbortController>();

  constructor(
    private readonly runs: Pick<Clients["runs"], "resolveElicitation">,
    private readonly turns: Turns,
  ) {}

  /** Takes note of an event of the run. */
  see({ body }: Event): void {
    if (body.case === "childEvent" && body.value.event) this.see(body.value.event);
    else if (body.case === "elicitationRequested" && body.value.elicitation)
      this.#take(body.value.elicitation);
    else if (body.case === "elicitationResolved") this.#open.get(body.value.elicitation?.id ?? "")?.abort();
  }

  /** Takes every question back. */
  close(): void {
    for (const controller of this.#open.values()) controller.abort();
  }

  #take(elicitation: Elicitation): void {
    if (elicitation.url !== "") return;
    const controller = new AbortController();
    this.#open.set(elicitation.id, controller);
    void this.turns
      .take(() => this.#answer(elicitation, controller.signal))
      // Somebody else may have been first, which the stream tells.
      .catch(() => undefined)
      .finally(() => this.#open.delete(elicitation.id));
  }

  async #answer(elicitation: Elicitation, signal: AbortSignal): Promise<void> {
    const { id: elicitationId, message, requestedSchema } = elicitation;
    signal.throwIfAborted();
    if (!process.stdin.isTTY) {
      process.stderr.write("! canceled: nobody to ask\n");
      await this.runs.resolveElicitation({ elicitationId, action: ElicitationAction.CANCEL });
      return;
    }
    // It was shown when it came, and perhaps others after it.
    process.stderr.write(markedLines(message));
    const streams = { input: process.stdin, output: process.stderr };
    await submitForm({
      fill: () => fillForm(requestedSchema, (question) => askLine({ question, ...streams }, signal)),
      submit: (content) => {
        const action = content ? ElicitationAction.ACCEPT : ElicitationAction.DECLINE;
        return this.runs.resolveElicitation({ elicitationId, action, ...(content && { content }) });
      },
      tell: (why) => process.stderr.write(markedLines(why)),
    });
  }
}
