import { create } from "@bufbuild/protobuf";
import type { Agent } from "../../gen/agentry/v1/agents_pb.js";
import type { Event, RunFinished } from "../../gen/agentry/v1/event_pb.js";
import { OnDisconnect, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { SessionSchema } from "../../gen/agentry/v1/sessions_pb.js";
import { canceled, notFound } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { StoppableRun } from "./children.js";
import { inherit } from "./inherit.js";
import type { RunTools, RunWork } from "./run-loop.js";
import { textPart } from "./run-progress.js";
import type { RunWriter } from "./run-writer.js";
import type { SessionLog } from "./session-log.js";

/** A task for another agent. */
export interface ChildTask {
  readonly agent: Agent;
  /** The call that gives it. */
  readonly toolCallId: string;
  readonly text: string;
  /** What the answer should be; empty where that was not said. */
  readonly expected: string;
}

const longestTitle = 80;

/**
 * Lets an agent work on a task in a child session of its own, and copies what happens there into the log of the run
 * that gave the task. Returns how the child's run ended, when all of it has been copied; undefined when its session
 * is gone. A child stops with its parent, which waits for its end.
 * @throws Fault as the store does.
 */
export async function runChild(
  run: RunTools,
  work: RunWork,
  task: ChildTask,
  signal: AbortSignal,
): Promise<RunFinished | undefined> {
  if (signal.aborted) throw canceled("the run was canceled");
  const session = await childSession(run, work.writer, task);
  await run.store.sessions.insert(session);
  const held = await run.logs.hold(session.id);
  const child = await run.startChild(orderOf(work, task, session)).catch((error: unknown) => {
    held.release();
    throw error;
  });
  work.children.add(child);
  try {
    return await copyEvents(held.log, work.writer, task.toolCallId, leftBy(child));
  } finally {
    work.children.remove(child);
    held.release();
  }
}

async function childSession({ store }: RunTools, writer: RunWriter, task: ChildTask): Promise<Session> {
  const { sessionId } = writer.run;
  const parent = await store.sessions.get(sessionId);
  if (!parent) throw notFound("session", sessionId);
  const { workDir, approvalMode, owner } = parent;
  const now = writer.stamp();
  return create(SessionSchema, {
    id: newId(),
    title: titleOf(task),
    agentId: task.agent.id,
    workDir,
    approvalMode,
    owner,
    parentSessionId: sessionId,
    parentToolCallId: task.toolCallId,
    usage: {},
    createdAt: now,
    updatedAt: now,
  });
}

function titleOf({ text, agent }: ChildTask): string {
  const lines = text.split(/[\r\n]/).map((line) => line.trim());
  const title = lines.find((line) => line !== "") ?? agent.name;
  const cut = title.length > longestTitle ? `${title.slice(0, longestTitle - 1)}…` : title;
  return cut.toWellFormed();
}

function orderOf({ agent: from, budget, depth }: RunWork, task: ChildTask, session: Session) {
  const expected = task.expected && `\n\nExpected output: ${task.expected}`;
  return {
    sessionId: session.id,
    parts: [textPart(`${task.text}${expected}`.toWellFormed())],
    agentId: "",
    whenBusy: WhenBusy.REFUSE,
    onDisconnect: OnDisconnect.CONTINUE,
    requestId: "",
    delegation: { agent: inherit(task.agent, from), depth: depth + 1, budget },
  };
}

/** Fires when nothing more will come of a child that did not close its log: another writer has its session. */
function leftBy(child: StoppableRun): AbortSignal {
  const left = new AbortController();
  const look = (): void => {
    if (child.lost) left.abort();
  };
  void child.done.then(look, () => left.abort());
  return left.signal;
}

/**
 * Copies a child's events as its log shows them: each once, in order, and none before it is durable there. It reads
 * on after a cancel: the child ends by itself, and its end belongs to the parent's log as well.
 */
async function copyEvents(
  log: SessionLog,
  parent: RunWriter,
  toolCallId: string,
  left: AbortSignal,
): Promise<RunFinished | undefined> {
  for await (const events of log.pages({ after: 0, follow: true }, left)) {
    parent.append(events.map((event) => childEvent(parent, toolCallId, event)));
    const end = events.find(({ body }) => body.case === "runFinished")?.body;
    if (end?.case === "runFinished") return end.value;
  }
  return undefined;
}

/** The event of a parent that tells of one of a child. */
export function childEvent(parent: RunWriter, toolCallId: string, event: Event) {
  return parent.event({ case: "childEvent", value: { toolCallId, event } });
}
