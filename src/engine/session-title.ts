import { create } from "@bufbuild/protobuf";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import type { Message, Usage } from "../../gen/agentry/v1/message_pb.js";
import { Purpose, Role } from "../../gen/agentry/v1/message_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import type { Write } from "../core/store.js";
import type { ActiveRun } from "./active-run.js";
import { modelName } from "./call-model.js";
import type { EngineParts } from "./lane-runs.js";
import type { EventBody } from "./run-writer.js";
import type { Title } from "./title.js";
import { askForTitle } from "./title.js";
import { addUsage, noUsage } from "./usage.js";

/**
 * Gives a session a title after its first answer, beside whatever else goes on. No title is no fault:
 * the session works without one.
 */
export function titleSession(parts: EngineParts, { work }: ActiveRun): void {
  if (parts.background.signal.aborted) return;
  const task: Promise<void> = writeTitle(parts, work)
    .catch(() => undefined)
    .finally(() => parts.tasks.delete(task));
  parts.tasks.add(task);
}

async function writeTitle(
  parts: EngineParts,
  { writer, agent, conversation }: ActiveRun["work"],
): Promise<void> {
  const { sessionId } = writer.run;
  const session = await parts.store.sessions.get(sessionId);
  const text = firstText(conversation.messages);
  if (!session || session.title || !agent.model || !text) return;
  const { run: tools, background } = parts;
  const settings = agent.model;
  const provider = await tools.providers.get(settings.provider);
  const call = { provider, settings, sessionId, text };
  const answer = await askForTitle(call, background.signal);
  if (!answer) return;
  const model = modelName(settings);
  // In the lane's turn, so that no run begins with a usage of the session that lacks this one.
  await parts.decide(sessionId, async ({ active }) => {
    const current = await parts.store.sessions.get(sessionId);
    if (!current || current.title) return;
    const held = await parts.logs.hold(sessionId);
    try {
      const count = active?.work.count ?? ((usage: Usage) => addUsage(current.usage ?? noUsage(), usage));
      await held.log.commit(writesOf(parts, { run: writer.run, model, answer, count }));
    } finally {
      held.release();
    }
  });
}

interface Titled {
  readonly run: Run;
  /** `provider/model`. */
  readonly model: string;
  readonly answer: Title;
  /** Counts a usage into the session and returns its new total. */
  count(usage: Usage): Usage;
}

function writesOf({ stamp }: EngineParts, { run, model, answer, count }: Titled): Write[] {
  const { title, usage } = answer;
  const event = (body: EventBody): Write => ({
    type: "event",
    event: create(EventSchema, { sessionId: run.sessionId, time: stamp(), body }),
  });
  const told: Write[] = [{ type: "title", title }, event({ case: "titleUpdated", value: { title } })];
  if (!usage) return told;
  const call = { purpose: Purpose.TITLE, model, usage };
  const counted = event({ case: "usageUpdated", value: { ...call, sessionUsage: count(usage) } });
  return [{ type: "usage", runId: run.id, ...call }, counted, ...told];
}

function firstText(messages: readonly Message[]): string {
  const first = messages.find(({ role }) => role === Role.USER);
  return first?.parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("\n") ?? "";
}
