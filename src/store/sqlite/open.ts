import type { Database } from "better-sqlite3";
import type { Clock } from "../../core/clock.js";
import { Fault } from "../../core/fault.js";
import type { Store } from "../../core/store.js";
import { createAgentRows } from "./agents.js";
import { CommitWriter } from "./commit.js";
import { openConnection } from "./connection.js";
import { createCredentialRows } from "./credentials.js";
import { createDocumentRows } from "./documents.js";
import { createEventRows } from "./events.js";
import { attempt, toFault } from "./failure.js";
import { prepareDatabaseFile } from "./file.js";
import { removeForeignJournal } from "./foreign-journal.js";
import type { DatabaseLock } from "./lock.js";
import { lockDatabase } from "./lock.js";
import { lengthenLog } from "./log-file.js";
import { createMessageRows } from "./messages.js";
import { createApprovalRows, createElicitationRows } from "./questions.js";
import { createRunRows } from "./runs.js";
import { createSessionRows } from "./sessions.js";

/** What a store is opened with. */
export interface SqliteStoreOptions {
  /** The database file; `:memory:` for one that is gone when the store is closed. */
  readonly path: string;
  readonly clock: Clock;
}

/**
 * Opens a store in one SQLite file, creating it with mode 0600 where there is none. No other store, of this
 * or another process, can have the same file open: the second one is refused with a Fault that names the
 * pid of the first. Who opens it closes it; a killed process leaves nothing that would have to be repaired.
 */
export async function openSqliteStore({ path, clock }: SqliteStoreOptions): Promise<Store> {
  const inMemory = path === ":memory:";
  const file = inMemory ? path : await attempt(() => prepareDatabaseFile(path));
  const lock = inMemory ? undefined : await attempt(() => lockDatabase(file));
  try {
    if (!inMemory) removeForeignJournal(file);
    const db = openConnection(file, clock.now());
    if (!inMemory) lengthenLog(file);
    return createStore(db, lock, clock);
  } catch (error) {
    lock?.release();
    throw named(toFault(error), file);
  }
}

/** The fault, with the name of the file where it does not say it. */
function named(fault: Fault, file: string): Fault {
  if (fault.reason === "internal" || fault.message.includes(file)) return fault;
  return new Fault(fault.reason, `${file}: ${fault.message}`, fault.detail, fault.cause);
}

function createStore(db: Database, lock: DatabaseLock | undefined, clock: Clock): Store {
  const writer = new CommitWriter(db, clock);
  return {
    agents: createAgentRows(db),
    sessions: createSessionRows(db, clock),
    messages: createMessageRows(db),
    runs: createRunRows(db),
    events: createEventRows(db),
    approvals: createApprovalRows(db),
    elicitations: createElicitationRows(db),
    credentials: createCredentialRows(db),
    documents: createDocumentRows(db),
    commit: (batches) => attempt(() => writer.commit(batches)),
    async close() {
      if (!db.open) return;
      db.close();
      lock?.release();
    },
  };
}
