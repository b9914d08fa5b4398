import { createHash } from "node:crypto";
import { clone, create, toBinary } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import type { Part } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Role } from "../../gen/agentry/v1/message_pb.js";
import type { OnDisconnect, Run, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { RunSchema, RunState } from "../../gen/agentry/v1/run_pb.js";
import { newId } from "../core/id.js";
import type { RunDetails } from "../core/store.js";
import type { StepBudget } from "./step-budget.js";

/** What a run that gives work to another one passes on. */
export interface Delegation {
  /** The agent that does the work, with what it inherits. */
  readonly agent: Agent;
  /** How many runs are above the new one. */
  readonly depth: number;
  /** Of the run that gives the work. */
  readonly budget: StepBudget;
}

/** What a caller asks for. */
export interface RunOrder {
  readonly sessionId: string;
  /** Content of the user's message, at least one part. */
  readonly parts: Part[];
  /** Empty: the session's agent. */
  readonly agentId: string;
  readonly whenBusy: WhenBusy;
  readonly onDisconnect: OnDisconnect;
  /** Empty: the run has no name. */
  readonly requestId: string;
  /** In place of the agent's. */
  readonly instructions?: string | undefined;
  /** Where a run asks for it, for its child session. */
  readonly delegation?: Delegation | undefined;
}

/** A run that has been asked for, before it is written. */
export function newRun(order: RunOrder, agent: Agent, now: Timestamp): { run: Run; details: RunDetails } {
  const input = create(MessageSchema, { id: newId(), role: Role.USER, parts: order.parts });
  const run = create(RunSchema, {
    id: newId(),
    sessionId: order.sessionId,
    agentId: agent.id,
    requestId: order.requestId,
    state: RunState.QUEUED,
    onDisconnect: order.onDisconnect,
    usage: {},
    createdAt: now,
  });
  return { run, details: { inputSha256: hashInput(order), input, agent: snapshotOf(agent, order) } };
}

/** The agent as it works for a run, whatever becomes of it meanwhile. */
export function snapshotOf(agent: Agent, { instructions }: Pick<RunOrder, "instructions">): Agent {
  const snapshot = clone(AgentSchema, agent);
  snapshot.instructions = instructions ?? agent.instructions;
  return snapshot;
}

/** SHA-256 of what a caller said and to whom, hexadecimal. */
export function hashInput({ parts, agentId, instructions }: RunOrder): string {
  const bytes = toBinary(MessageSchema, create(MessageSchema, { parts, agentId }));
  const hash = createHash("sha256").update(bytes);
  if (instructions !== undefined) hash.update("\0").update(instructions);
  return hash.digest("hex");
}
