import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { RunState } from "../../gen/agentry/v1/run_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { Fault, notFound } from "../core/fault.js";
import type { Store, Write } from "../core/store.js";
import { ActiveRun } from "./active-run.js";
import { modelName } from "./call-model.js";
import { Children } from "./children.js";
import { closedByFault } from "./close-run.js";
import type { Conversation, Conversations } from "./conversations.js";
import { toFailure } from "./failure.js";
import type { Lane, QueuedRun } from "./lane.js";
import { snapshotOf } from "./new-run.js";
import { openWriter, refused } from "./open-writer.js";
import { closeFromLog } from "./recovery.js";
import type { RunTools, RunWork } from "./run-loop.js";
import type { RunWriter } from "./run-writer.js";
import type { HeldLog, SessionLogs } from "./session-logs.js";
import { titleSession } from "./session-title.js";
import { defaultMaxSteps, StepBudget } from "./step-budget.js";
import { addUsage, noUsage } from "./usage.js";

/** Milliseconds until a run that could not begin is tried again. */
const retryMs = 500;

/** What the parts of the engine share. */
export interface EngineParts {
  readonly store: Store;
  readonly logs: SessionLogs;
  readonly lanes: Map<string, Lane>;
  /** The epoch under which this process holds each session that it has written to. */
  readonly epochs: Map<string, number>;
  readonly conversations: Conversations;
  readonly stamp: () => Timestamp;
  /** Aborted when the server stops: ends work that no run waits for. */
  readonly background: AbortController;
  /** Work that no run waits for. */
  readonly tasks: Set<Promise<void>>;
  readonly run: RunTools;
  /** Decides about a session, after every decision made before. */
  decide<T>(sessionId: string, work: (lane: Lane) => Promise<T>): Promise<T>;
  onBug(error: unknown): void;
}

/**
 * Writes a run's first events and lets it work. Its first model call goes out while they are written: nobody has
 * seen anything of the run by then, and where they cannot be written it is given up. Called within the lane's
 * turn, when nothing is active.
 */
export async function beginRun(
  parts: EngineParts,
  lane: Lane,
  session: Session,
  queued: QueuedRun,
): Promise<Run> {
  const held = await parts.logs.hold(session.id);
  let active: ActiveRun | undefined;
  try {
    const { writer, claim, conversation } = await openWriter(parts, held, queued.run);
    const begun = writer.log.begin([...claim, ...firstWrites(writer, queued)], writer.epoch);
    active = new ActiveRun(parts.run, workOf({ lane, session, queued, writer, conversation }), parts.onBug);
    const running = active;
    lane.active = running;
    const result = await begun;
    if (result !== "written") throw refused(parts, session.id, result);
    parts.epochs.set(session.id, writer.epoch);
    lane.left = running.done
      .then(() => closeRefused(parts, held, running))
      .catch(parts.onBug)
      .then(() => leave(parts, lane, held, running));
    return queued.run;
  } catch (error) {
    active?.abandon();
    await active?.done.catch(parts.onBug);
    lane.active = undefined;
    held.release();
    parts.conversations.forget(session.id);
    throw error;
  }
}

/** What a run that begins is made of. */
interface RunStart {
  readonly lane: Lane;
  readonly session: Session;
  readonly queued: QueuedRun;
  readonly writer: RunWriter;
  readonly conversation: Conversation;
}

function workOf({ lane, session, queued, writer, conversation }: RunStart): RunWork {
  const { agent } = queued.details;
  let usage = session.usage ?? noUsage();
  return {
    writer,
    agent,
    conversation,
    budget: new StepBudget(agent.maxSteps || defaultMaxSteps, queued.delegation?.budget),
    depth: queued.delegation?.depth ?? 0,
    children: new Children(),
    absorbSteering: () => absorbSteering(lane, writer),
    count: (more) => {
      usage = addUsage(usage, more);
      return usage;
    },
  };
}

function firstWrites(writer: RunWriter, { run, details }: QueuedRun): Write[] {
  const { agent, input } = details;
  run.startedAt = writer.stamp();
  const started = writer.event({
    case: "runStarted",
    value: {
      agentId: agent.id,
      agentName: agent.name,
      model: agent.model ? modelName(agent.model) : "",
      requestId: run.requestId,
    },
  });
  writer.state(RunState.RUNNING);
  return [started, { type: "run", run, details, first: started.event }, ...writer.message(input)];
}

/** Puts a run into the queue, durably. */
export async function enqueueRun(parts: EngineParts, lane: Lane, queued: QueuedRun): Promise<Run> {
  const { run, details } = queued;
  const held = await parts.logs.hold(run.sessionId);
  try {
    const result = await held.log.commit([{ type: "run", run, details }]);
    if (result !== "written") throw notFound("session", run.sessionId);
    lane.queue.push(queued);
  } finally {
    held.release();
  }
  // The run before it may have left while it was written.
  await startNext(parts, lane, run.sessionId);
  return run;
}

/** Writes the messages that steer a run into it; each row that brought one is done with that. */
function absorbSteering(lane: Lane, writer: RunWriter): boolean {
  const steering = lane.queue.filter(({ steers }) => steers === writer.run.id);
  for (const queued of steering) {
    lane.queue.splice(lane.queue.indexOf(queued), 1);
    const { run, details } = queued;
    run.state = RunState.FINISHED;
    run.outcome = RunOutcome.COMPLETED;
    run.finishedAt = writer.stamp();
    writer.append([...writer.message(details.input), { type: "run", run }]);
  }
  return steering.length > 0;
}

/** The run that was canceled before it began; undefined when it does not wait. */
export async function cancelQueued(parts: EngineParts, lane: Lane, runId: string): Promise<Run | undefined> {
  const queued = lane.queue.find(({ run }) => run.id === runId);
  if (!queued) return undefined;
  const { run, details } = queued;
  const held = await parts.logs.hold(run.sessionId);
  try {
    const { writer, claim } = await openWriter(parts, held, run);
    const { agent } = details;
    const started = writer.event({
      case: "runStarted",
      value: { agentId: agent.id, agentName: agent.name, requestId: run.requestId },
    });
    const first: Write = { type: "run", run, first: started.event };
    const writes = [...claim, started, first, ...writer.finish(RunOutcome.CANCELED, undefined)];
    const result = await writer.log.commit(writes, writer.epoch);
    if (result !== "written") throw refused(parts, run.sessionId, result);
    parts.epochs.set(run.sessionId, writer.epoch);
    lane.queue.splice(lane.queue.indexOf(queued), 1);
    return run;
  } finally {
    held.release();
  }
}

/** Closes a run whose log has ended before what it wrote last. */
async function closeRefused(
  parts: EngineParts,
  { log }: HeldLog,
  { refused, writer }: ActiveRun,
): Promise<void> {
  if (!refused) return;
  parts.conversations.forget(log.sessionId);
  const { run, epoch } = writer;
  const failure = toFailure(refused);
  await closeFromLog(
    parts,
    { run, log, epoch },
    { outcome: RunOutcome.FAILED, failure, reason: closedByFault },
  );
}

/** Makes room for the next run. */
function leave(parts: EngineParts, lane: Lane, held: HeldLog, active: ActiveRun): void {
  const { sessionId } = held.log;
  if (lane.active === active) lane.active = undefined;
  held.release();
  if (active.lost) {
    parts.epochs.delete(sessionId);
    parts.conversations.forget(sessionId);
  }
  if (active.writer.run.outcome === RunOutcome.COMPLETED) titleSession(parts, active);
  if (lane.queue.length === 0) {
    if (lane.idle) parts.lanes.delete(sessionId);
    return;
  }
  void lane.decide(() => startNext(parts, lane, sessionId)).catch(parts.onBug);
}

/** The run as it begins: while it waited, the conversation may have been handed over. */
async function withCurrentAgent(
  { store }: EngineParts,
  { agentId }: Session,
  queued: QueuedRun,
): Promise<QueuedRun> {
  const { run, details, follows } = queued;
  if (!follows || !agentId || agentId === run.agentId) return queued;
  const agent = await store.agents.get(agentId);
  if (!agent) return queued;
  run.agentId = agentId;
  return { ...queued, details: { ...details, agent: snapshotOf(agent, follows) } };
}

/**
 * Lets the first run of the queue work. One that cannot begin for want of the database keeps its place and
 * is tried again. Called within the lane's turn.
 */
export async function startNext(parts: EngineParts, lane: Lane, sessionId: string): Promise<void> {
  for (;;) {
    const next = lane.queue[0];
    if (!next || lane.active || parts.background.signal.aborted) return;
    try {
      const session = await parts.store.sessions.get(sessionId);
      if (session) await beginRun(parts, lane, session, await withCurrentAgent(parts, session, next));
    } catch (error) {
      const { reason, detail } = Fault.from(error);
      if (detail.retryable) {
        const again = (): void => void lane.decide(() => startNext(parts, lane, sessionId));
        setTimeout(again, retryMs).unref();
        return;
      }
      if (reason !== "not_found") parts.onBug(error);
    }
    const at = lane.queue.indexOf(next);
    if (at >= 0) lane.queue.splice(at, 1);
  }
}
