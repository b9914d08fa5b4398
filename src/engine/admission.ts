import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { RunState, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { conflict, Fault, invalid, notFound } from "../core/fault.js";
import type { Lane } from "./lane.js";
import type { EngineParts } from "./lane-runs.js";
import { beginRun, enqueueRun } from "./lane-runs.js";
import type { RunOrder } from "./new-run.js";
import { hashInput, newRun } from "./new-run.js";

/** Decides what becomes of an order, and does it. Called within the lane's turn. */
export async function admit(parts: EngineParts, lane: Lane, order: RunOrder): Promise<Run> {
  const session = await parts.store.sessions.get(order.sessionId);
  if (!session) throw notFound("session", order.sessionId);
  const earlier = await earlierRun(parts, lane, order);
  if (earlier) return earlier;
  const { delegation } = order;
  if (session.parentSessionId && !delegation) throw takesNoRuns(session);
  const agent = delegation?.agent ?? (await agentOf(parts, session, order));
  await letLeave(lane);
  const { run, details } = newRun(order, agent, parts.stamp());
  const { active } = lane;
  const follows = order.agentId ? undefined : order;
  if (!active && lane.queue.length === 0)
    return beginRun(parts, lane, session, { run, details, steers: undefined, delegation });
  switch (order.whenBusy) {
    case WhenBusy.QUEUE:
      return enqueueRun(parts, lane, { run, details, steers: undefined, follows });
    case WhenBusy.STEER:
      await enqueueRun(parts, lane, { run, details, steers: active?.writer.run.id, follows });
      return active && takesOver(lane, active.writer.run, run) ? active.writer.run : run;
    case WhenBusy.REFUSE:
    case WhenBusy.UNSPECIFIED:
      throw busy(session, lane);
    default:
      return order.whenBusy satisfies never;
  }
}

/** A run that has written its last event is about to leave; the next message need not be refused for it. */
export async function letLeave({ active, left }: Lane): Promise<void> {
  if (!active?.writer.progress.finished) return;
  const trouble = await Promise.race([left, active.troubled]);
  if (trouble) throw trouble;
}

/** Whether a run answers the message of another: it has taken it, or may yet. */
function takesOver(lane: Lane, taker: Run, given: Run): boolean {
  if (given.state === RunState.FINISHED) return true;
  return lane.queue.some(({ run, steers }) => run.id === given.id && steers === taker.id);
}

/** The session has a run, and the caller does not want to wait for it. */
export function busy(session: Session, { active, queue }: Lane): Fault {
  const runId = active?.writer.run.id ?? queue[0]?.run.id ?? "";
  return new Fault("busy", `session ${JSON.stringify(session.id)} has a run under way`, {
    retryable: true,
    metadata: { session_id: session.id, run_id: runId },
  });
}

/** Whoever may give it work does so under rules that a caller would not be held to. */
function takesNoRuns({ id, parentSessionId }: Session): Fault {
  return conflict("a child session takes no runs but that of the task which it was made for", {
    session_id: id,
    parent_session_id: parentSessionId,
  });
}

/** The run that has this request id already. */
async function earlierRun(parts: EngineParts, lane: Lane, order: RunOrder): Promise<Run | undefined> {
  if (!order.requestId) return undefined;
  const { store } = parts;
  const run = await store.runs.findByRequestId(order.sessionId, order.requestId);
  if (!run) return undefined;
  const details = await store.runs.details(run.id);
  if (details?.inputSha256 !== hashInput(order)) {
    throw conflict("request_id was used before, with another input", { run_id: run.id });
  }
  const taker = lane.queue.find((queued) => queued.run.id === run.id)?.steers;
  const answering = taker ?? (await takerOf(parts, run, details.input.id));
  const active = lane.active?.writer.run;
  if (active?.id === answering && active.state !== RunState.FINISHED) return active;
  return answering === run.id ? run : ((await store.runs.get(answering)) ?? run);
}

/** Id of the run that answers the message of a run: its own, or that of the run which it steered. */
async function takerOf(parts: EngineParts, run: Run, messageId: string): Promise<string> {
  if (run.state !== RunState.FINISHED || run.firstSeq > 0) return run.id;
  return (await parts.store.messages.get(run.sessionId, messageId))?.runId ?? run.id;
}

async function agentOf({ store }: EngineParts, session: Session, order: RunOrder): Promise<Agent> {
  const id = order.agentId || session.agentId;
  if (!id) throw invalid("agent_id is required: the session has no agent of its own");
  const agent = await store.agents.get(id);
  if (!agent) throw notFound("agent", id);
  return agent;
}
