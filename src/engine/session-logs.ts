import { notFound } from "../core/fault.js";
import type { Store } from "../core/store.js";
import { Committer } from "./committer.js";
import { Turns } from "./large-pages.js";
import { SessionLog } from "./session-log.js";

/** About how many bytes of events all logs together keep in memory, and one log at least and at most. */
const allTailsBytes = 32 * 1024 * 1024;
const minTailBytes = 64 * 1024;
const maxTailBytes = 2 * 1024 * 1024;

/** A log in use. Call `release` once, when done with it. */
export interface HeldLog {
  readonly log: SessionLog;
  release(): void;
}

/** The logs of the sessions that somebody writes or reads now; the others cost nothing. */
export class SessionLogs {
  readonly #committer: Committer;
  readonly #turns = new Turns();
  readonly #held = new Map<string, { log: SessionLog; holders: number }>();
  readonly #opening = new Map<string, Promise<SessionLog>>();
  readonly #troubled: (sessionId: string, error: Error) => void;

  constructor(
    private readonly store: Store,
    /** Called when what a session's run has written cannot be stored. */
    onTrouble: (sessionId: string, error: Error) => void,
  ) {
    this.#committer = new Committer(store);
    this.#troubled = onTrouble;
  }

  /** @throws Fault `not_found` when there is no such session. */
  async hold(sessionId: string): Promise<HeldLog> {
    const log = this.#held.get(sessionId)?.log ?? (await this.#open(sessionId));
    const entry = this.#held.get(sessionId) ?? { log, holders: 0 };
    entry.holders += 1;
    this.#held.set(sessionId, entry);
    let released = false;
    return {
      log: entry.log,
      release: () => {
        if (released) return;
        released = true;
        entry.holders -= 1;
        if (entry.holders === 0 && this.#held.get(sessionId) === entry) this.#held.delete(sessionId);
      },
    };
  }

  /** Ends the readers of a session that has been deleted. */
  close(sessionId: string): void {
    this.#held.get(sessionId)?.log.close();
    this.#held.delete(sessionId);
  }

  /** Settles when everything appended is durable, or cannot be made so now. */
  async idle(): Promise<void> {
    await this.#committer.idle();
  }

  #open(sessionId: string): Promise<SessionLog> {
    const opening = this.#opening.get(sessionId) ?? this.#load(sessionId);
    this.#opening.set(sessionId, opening);
    return opening.finally(() => this.#opening.delete(sessionId));
  }

  async #load(sessionId: string): Promise<SessionLog> {
    const session = await this.store.sessions.get(sessionId);
    if (!session) throw notFound("session", sessionId);
    return new SessionLog({
      sessionId,
      head: session.lastSeq,
      store: this.store,
      committer: this.#committer,
      turns: this.#turns,
      tailBytes: () => Math.min(Math.max(allTailsBytes / this.#held.size, minTailBytes), maxTailBytes),
      onTrouble: (fault) => this.#troubled(sessionId, fault),
    });
  }
}
