import { create } from "@bufbuild/protobuf";
import { EventSchema } from "../../gen/agentry/v1/event_pb.js";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { Purpose, Role } from "../../gen/agentry/v1/message_pb.js";
import type { Write } from "../core/store.js";
import type { ActiveRun } from "./active-run.js";
import { modelName } from "./call-model.js";
import type { EngineParts } from "./lane-runs.js";
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
  const provider = await tools.providers.get(agent.model.provider);
  const call = { provider, settings: agent.model, sessionId, text };
  const answer = await askForTitle(call, background.signal);
  const current = await parts.store.sessions.get(sessionId);
  if (!answer || !current || current.title) return;
  const model = modelName(agent.model);
  const usage = answer.usage && tools.price(agent.model, answer.usage);
  const event = (body: Parameters<typeof writer.event>[0]): Write => ({
    type: "event",
    event: create(EventSchema, { sessionId, time: parts.stamp(), body }),
  });
  const writes: Write[] = [{ type: "title", title: answer.title }];
  if (usage) {
    const purpose = Purpose.TITLE;
    const sessionUsage = addUsage(current.usage ?? noUsage(), usage);
    writes.push({ type: "usage", runId: writer.run.id, purpose, model, usage });
    writes.push(event({ case: "usageUpdated", value: { purpose, model, usage, sessionUsage } }));
  }
  writes.push(event({ case: "titleUpdated", value: { title: answer.title } }));
  const held = await parts.logs.hold(sessionId);
  try {
    await held.log.commit(writes);
  } finally {
    held.release();
  }
}

function firstText(messages: readonly Message[]): string {
  const first = messages.find(({ role }) => role === Role.USER);
  return first?.parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("\n") ?? "";
}
