import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import type {
  Approval,
  ApprovalState,
  Elicitation,
  ElicitationState,
  Event,
} from "../../gen/agentry/v1/event_pb.js";
import type { Message, Purpose, Usage } from "../../gen/agentry/v1/message_pb.js";
import type { Rule } from "../../gen/agentry/v1/rule_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";

/**
 * Where everything is kept. Every method is atomic and durable when its promise resolves. Objects that
 * are given and returned are the generated messages; the store keeps no reference to them.
 */
export interface Store {
  readonly agents: AgentRows;
  readonly sessions: SessionRows;
  readonly messages: MessageRows;
  readonly runs: RunRows;
  readonly events: EventRows;
  readonly approvals: ApprovalRows;
  readonly elicitations: ElicitationRows;
  readonly credentials: CredentialRows;
  readonly documents: DocumentRows;
  /**
   * Writes batches in one transaction, in order. A batch is taken whole or refused whole; a refused batch
   * does not stop the others. Throws, having written nothing, when the database cannot write
   * (`exhausted` when the disk is full).
   */
  commit(batches: readonly Batch[]): Promise<BatchResult[]>;
  close(): Promise<void>;
}

/** A page of a list. `cursor` is opaque; undefined is the first page, or no next one. */
export interface Page {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** A page of a list. `cursor` leads to the next one; undefined on the last. */
export interface Paged<T> {
  readonly items: T[];
  readonly cursor?: string | undefined;
}

/** What belongs to one session and is written together. */
export interface Batch {
  readonly sessionId: string;
  /**
   * The epoch under which the writer holds the session: the batch is refused when the session has another
   * one by now. Undefined where no run is concerned.
   */
  readonly epoch?: number | undefined;
  readonly writes: readonly Write[];
}

/** One thing that a batch writes. All of a batch is written, or nothing of it. */
export type Write =
  /** First in its batch: raises the session's epoch to that of the batch, which is refused where it is not the next. */
  | { readonly type: "claim" }
  /** Appends an event. Its `seq` is set by the store, dense, in the transaction. */
  | { readonly type: "event"; readonly event: Event }
  /** Appends a message. Its `index` is set by the store; an event after it in the batch may hold the same object. */
  | { readonly type: "message"; readonly message: Message }
  /** Inserts or replaces a run. A session has at most one run that is running, waiting or canceling. */
  | {
      readonly type: "run";
      readonly run: Run;
      readonly details?: RunDetails | undefined;
      /** An event before it in the batch: its seq becomes the run's `first_seq`. */
      readonly first?: Event | undefined;
      /** An event before it in the batch: its seq becomes the run's `last_seq`. */
      readonly last?: Event | undefined;
    }
  /** Adds to the session's usage, and records what for. */
  | {
      readonly type: "usage";
      readonly runId: string;
      readonly purpose: Purpose;
      readonly model: string;
      readonly usage: Usage;
    }
  /** Adds a rule to the session; one that is there already stays as it is. */
  | { readonly type: "rule"; readonly rule: Rule }
  /** Changes the session's title. */
  | { readonly type: "title"; readonly title: string }
  /** Changes the session's agent. */
  | { readonly type: "agent"; readonly agentId: string }
  /** Inserts an approval, or with `from` replaces one that is in that state; in another state the batch is refused. */
  | { readonly type: "approval"; readonly approval: Approval; readonly from?: ApprovalState | undefined }
  /** As `approval`. */
  | {
      readonly type: "elicitation";
      readonly elicitation: Elicitation;
      readonly from?: ElicitationState | undefined;
    };

/** What a run row holds beside the Run message. Given once, with the first write of the run. */
export interface RunDetails {
  /** SHA-256 of the input, to tell a repeated request from another one under the same request id. */
  readonly inputSha256: string;
  /** The user's message, as it waits in the queue. */
  readonly input: Message;
  /** The agent as it was when the run was asked for. */
  readonly agent: Agent;
}

/** `written`; or why nothing of the batch was: another epoch, no such session, or another approval state. */
export type BatchResult = "written" | "stale" | "missing" | "conflict";

/** The agents that are stored. */
export interface AgentRows {
  insert(agent: Agent): Promise<void>;
  get(id: string): Promise<Agent | undefined>;
  /** Newest first. */
  list(page: Page): Promise<Paged<Agent>>;
  /** False when there is none with its id. */
  update(agent: Agent): Promise<boolean>;
  /** False when there is none with this id. */
  delete(id: string): Promise<boolean>;
}

/** The sessions that are stored. */
export interface SessionRows {
  insert(session: Session): Promise<void>;
  get(id: string): Promise<Session | undefined>;
  /** Newest first: the child sessions of the one with this id, or without an id every session that is no child. */
  list(page: Page, parentId?: string): Promise<Paged<Session>>;
  /**
   * Writes title, agent_id, work_dir, approval_mode, labels, expires_at and updated_at: the rest belongs to
   * `commit`. False when there is none with its id.
   */
  update(session: Session): Promise<boolean>;
  /** Deletes it with everything that belongs to it. False when there is none with this id. */
  delete(id: string): Promise<boolean>;
  /** The epoch under which it is held now. Undefined when missing. */
  epoch(id: string): Promise<number | undefined>;
  /** Raises the epoch and returns it: whoever held the session before can write no more. Undefined when missing. */
  claim(id: string): Promise<number | undefined>;
}

/** The messages of sessions, as the model was and will be shown them. */
export interface MessageRows {
  get(sessionId: string, id: string): Promise<Message | undefined>;
  /** Oldest first, those with an index above `after`. */
  list(sessionId: string, after: number, limit: number): Promise<Message[]>;
}

/** The runs of sessions. They are written by batches. */
export interface RunRows {
  get(id: string): Promise<Run | undefined>;
  details(id: string): Promise<RunDetails | undefined>;
  findByRequestId(sessionId: string, requestId: string): Promise<Run | undefined>;
  /** Newest first. */
  list(sessionId: string, page: Page): Promise<Paged<Run>>;
  /** All that have not finished, oldest first. */
  unfinished(): Promise<Run[]>;
}

/** Which events to read. */
interface EventRange {
  readonly sessionId: string;
  /** Only those with a seq above it. */
  readonly after: number;
  readonly limit: number;
  /** About how many bytes to read at most; at least one event is read where there is one. */
  readonly maxBytes: number;
  /** Only those of this run. */
  readonly runId?: string | undefined;
}

/** The logs of sessions. They are written by batches. */
export interface EventRows {
  /** In order. */
  read(range: EventRange): Promise<Event[]>;
}

/** The approvals that were asked for. They are written by batches. */
export interface ApprovalRows {
  get(id: string): Promise<Approval | undefined>;
  /**
   * Oldest first, at most 1000; with those of a session come those of its child sessions, and of theirs. Undefined:
   * of every session, in every state.
   */
  list(filter: { sessionId?: string; runId?: string; state?: ApprovalState }): Promise<Approval[]>;
}

/** The questions of tools to users. They are written by batches. */
export interface ElicitationRows {
  get(id: string): Promise<Elicitation | undefined>;
  /** As ApprovalRows.list. */
  list(filter: { sessionId?: string; runId?: string; state?: ElicitationState }): Promise<Elicitation[]>;
}

/** A credential at rest. What is secret in it is encrypted before it gets here. */
export interface CredentialRow {
  readonly providerId: string;
  /** The address given with the key; empty for the provider's own. */
  readonly baseUrl: string;
  /** The only origin it may be sent to. */
  readonly origin: string;
  /** Names the key that encrypted it. */
  readonly keyId: string;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
  /** Last four characters of the key, or empty. */
  readonly last4: string;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

/** The keys of providers, encrypted. */
export interface CredentialRows {
  put(row: CredentialRow): Promise<void>;
  get(providerId: string): Promise<CredentialRow | undefined>;
  list(): Promise<CredentialRow[]>;
  /** False when there is none. */
  delete(providerId: string): Promise<boolean>;
}

/** Something that a surface keeps beside the rows of its own: JSON under a kind and an id. */
export interface DocumentRow {
  /** Who keeps it, and what it is: for example `wingman.fleet`. */
  readonly kind: string;
  /** Unique within its kind. */
  readonly id: string;
  /** Id of the document that it belongs to and goes with, or empty. */
  readonly parent: string;
  readonly json: string;
}

/** Small documents in JSON, by kind and id. */
export interface DocumentRows {
  /** Inserts it, or replaces the one with its kind and id, whose place in lists stays. */
  put(row: DocumentRow): Promise<void>;
  get(kind: string, id: string): Promise<DocumentRow | undefined>;
  /** Newest first; with `parent`, only those that belong to it. */
  list(kind: string, parent?: string): Promise<DocumentRow[]>;
  /** Deletes it with those that belong to it. False when there is none. */
  delete(kind: string, id: string): Promise<boolean>;
}
