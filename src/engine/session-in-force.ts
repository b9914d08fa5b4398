import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { notFound } from "../core/fault.js";
import type { Store } from "../core/store.js";

/**
 * A session as its tool calls are decided, read anew for each step: what policy says may have changed meanwhile.
 * A child session has the mode of the session at the top and, beside its own rules, those of every session above.
 * @throws Fault `not_found` for this one or one above.
 */
export async function sessionInForce(store: Store, sessionId: string): Promise<Session> {
  const session = await store.sessions.get(sessionId);
  if (!session) throw notFound("session", sessionId);
  if (!session.parentSessionId) return session;
  const { approvalMode, rules } = await sessionInForce(store, session.parentSessionId);
  return { ...session, approvalMode, rules: [...session.rules, ...rules] };
}
