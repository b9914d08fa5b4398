import { create } from "@bufbuild/protobuf";
import type { Agent } from "../../../gen/agentry/v1/agents_pb.js";
import type { Event } from "../../../gen/agentry/v1/event_pb.js";
import { OnDisconnect, RunRequestSchema, WhenBusy } from "../../../gen/agentry/v1/run_pb.js";
import { Fault } from "../../core/fault.js";
import type { Call } from "../../services/call.js";
import { missing, noProvider } from "./errors.js";
import type { WingmanParts } from "./parts.js";
import { findSession } from "./sessions.js";
import type { Turns } from "./turns.js";

/** One message to one agent in one session. */
export interface Turn {
  readonly sessionId: string;
  readonly agentId: string;
  readonly text: string;
  /** In place of the agent's. */
  readonly instructions?: string | undefined;
}

/**
 * Checks that an agent can be asked at all, in Wingman's words.
 * @throws Fault `not_found`, `invalid`.
 */
export async function findReadyAgent({ store, models }: WingmanParts, agentId: string): Promise<Agent> {
  const agent = await store.agents.get(agentId);
  if (!agent) throw missing("agent", agentId);
  if (!agent.model) throw noProvider();
  const { provider } = agent.model;
  try {
    await models.get(provider);
  } catch (error) {
    const { reason, message } = Fault.from(error);
    const why = reason === "not_found" ? `provider not found: ${provider}` : message;
    if (reason !== "not_found" && reason !== "invalid") throw error;
    throw new Fault("invalid", `failed to instantiate provider ${JSON.stringify(provider)}: ${why}`);
  }
  return agent;
}

/**
 * The events of a turn until it has ended. It waits for the turns before it, and goes on when nobody reads it
 * any more.
 */
export async function* runTurn(
  parts: WingmanParts,
  turns: Turns,
  turn: Turn,
  call: Call,
): AsyncGenerator<Event> {
  await turns.take(turn.sessionId, () => nameSession(parts, turn));
  const request = create(RunRequestSchema, {
    sessionId: turn.sessionId,
    agentId: turn.agentId,
    input: { text: turn.text },
    whenBusy: WhenBusy.QUEUE,
    onDisconnect: OnDisconnect.CONTINUE,
    ...(turn.instructions !== undefined && { instructions: turn.instructions }),
  });
  for await (const { event } of parts.runs.run(request, call)) yield event;
}

/** Gives a session its title from its first message: a model that was asked for one would cost its user money. */
async function nameSession({ store }: WingmanParts, { sessionId, text }: Turn): Promise<void> {
  const session = await findSession(store, sessionId);
  if (session.title) return;
  const [line = ""] = text.trim().split(/[\r\n]/, 1);
  const title =
    line
      .slice(0, 100)
      .replace(/\p{Cc}/gu, " ")
      .toWellFormed()
      .trim() || "Session";
  await store.commit([{ sessionId, writes: [{ type: "title", title }] }]);
}
