import type { Approval, Event } from "../../gen/agentry/v1/event_pb.js";
import { Verdict } from "../../gen/agentry/v1/event_pb.js";
import { approvalText } from "./approval-text.js";
import { askLine } from "./ask-line.js";
import type { Clients } from "./client.js";
import { Turns } from "./turns.js";

/**
 * Answers the approvals that a run asks for, those of its child sessions too: by itself, or as the person at the
 * terminal says. It asks one question at a time, so that no answer can be taken for another, and takes back what
 * somebody else has answered.
 */
export class ApprovalDesk {
  readonly #open = new Map<string, AbortController>();
  /** Names of the agents of child sessions, by session. */
  readonly #names = new Map<string, string>();

  constructor(
    private readonly runs: Clients["runs"],
    /** Approve without asking. */
    private readonly yes: boolean,
    private readonly turns = new Turns(),
  ) {}

  /** Takes note of an event of the run. */
  see({ body }: Event): void {
    if (body.case === "childEvent" && body.value.event) this.#seeChild(body.value.event);
    else if (body.case === "approvalRequested" && body.value.approval) this.#take(body.value.approval);
    else if (body.case === "approvalResolved") this.#open.get(body.value.approval?.id ?? "")?.abort();
  }

  #seeChild(event: Event): void {
    const { body, sessionId } = event;
    if (body.case === "runStarted") this.#names.set(sessionId, body.value.agentName);
    this.see(event);
  }

  /** Takes every question back. */
  close(): void {
    for (const controller of this.#open.values()) controller.abort();
  }

  #take(approval: Approval): void {
    const controller = new AbortController();
    this.#open.set(approval.id, controller);
    const answered = this.yes ? this.#resolve(approval, true) : this.#askNext(approval, controller.signal);
    // Somebody else may have been first, which the stream tells.
    void answered.catch(() => undefined).finally(() => this.#open.delete(approval.id));
  }

  #askNext(approval: Approval, signal: AbortSignal): Promise<void> {
    return this.turns.take(async () => {
      if (!signal.aborted)
        await this.#resolve(approval, await ask(approval, this.#names.get(approval.sessionId), signal));
    });
  }

  async #resolve({ id: approvalId, argumentsSha256 }: Approval, approve: boolean): Promise<void> {
    const verdict = approve ? Verdict.APPROVE : Verdict.DENY;
    await this.runs.resolveApproval({ approvalId, verdict, argumentsSha256 });
  }
}

/** Asks the person at the terminal; without one the answer is no. Throws when the question is taken back. */
async function ask(approval: Approval, agentName: string | undefined, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) {
    process.stderr.write("! denied: nobody to ask; --yes approves every call\n");
    return false;
  }
  process.stderr.write(approvalText(approval, agentName));
  const streams = { input: process.stdin, output: process.stderr };
  const reply = await askLine({ question: "run it? [y/N] ", ...streams }, signal);
  return /^y(es)?$/i.test(reply.trim());
}
