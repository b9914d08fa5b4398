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
  const earlier = await earlierRun(parts, order);
  if (earlier) return earlier;
  const agent = await agentOf(parts, session, order);
  // A run that has written its last event is about to leave; the next message need not be refused for it.
  if (lane.active?.writer.progress.finished) await lane.active.done;
  const { run, details } = newRun(order, agent, parts.stamp());
  const { active } = lane;
  if (!active && lane.queue.length === 0)
    return beginRun(parts, lane, session, { run, details, steers: undefined });
  switch (order.whenBusy) {
    case WhenBusy.QUEUE:
      return enqueueRun(parts, lane, { run, details, steers: undefined });
    case WhenBusy.STEER:
      await enqueueRun(parts, lane, { run, details, steers: active?.writer.run.id });
      return active?.writer.run ?? run;
    case WhenBusy.REFUSE:
    case WhenBusy.UNSPECIFIED:
      throw busy(session, active?.writer.run.id ?? lane.queue[0]?.run.id ?? "");
    default:
      return order.whenBusy satisfies never;
  }
}

function busy(session: Session, runId: string): Fault {
  return new Fault("busy", `session ${JSON.stringify(session.id)} has a run under way`, {
    retryable: true,
    metadata: { session_id: session.id, run_id: runId },
  });
}

/** The run that has this request id already. */
async function earlierRun({ store, lanes }: EngineParts, order: RunOrder): Promise<Run | undefined> {
  if (!order.requestId) return undefined;
  const run = await store.runs.findByRequestId(order.sessionId, order.requestId);
  if (!run) return undefined;
  const details = await store.runs.details(run.id);
  if (details?.inputSha256 !== hashInput(order)) {
    throw conflict("request_id was used before, with another input", { run_id: run.id });
  }
  const active = lanes.get(order.sessionId)?.active?.writer.run;
  return active?.id === run.id && run.state !== RunState.FINISHED ? active : run;
}

async function agentOf({ store }: EngineParts, session: Session, order: RunOrder): Promise<Agent> {
  const id = order.agentId || session.agentId;
  if (!id) throw invalid("agent_id is required: the session has no agent of its own");
  const agent = await store.agents.get(id);
  if (!agent) throw notFound("agent", id);
  return agent;
}
