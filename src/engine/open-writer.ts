import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { Fault, notFound } from "../core/fault.js";
import type { BatchResult, Write } from "../core/store.js";
import type { EngineParts } from "./lane-runs.js";
import { RunWriter } from "./run-writer.js";
import type { HeldLog } from "./session-logs.js";

/**
 * A hand in a session's log with the conversation that it adds to, and what its first batch begins with: taking the
 * session, where it is not held.
 */
export async function openWriter(parts: EngineParts, { log }: HeldLog, run: Run) {
  const { sessionId } = log;
  const held = parts.epochs.get(sessionId);
  const epoch = held ?? (await nextEpoch(parts, sessionId));
  const claim: Write[] = held === undefined ? [{ type: "claim" }] : [];
  const conversation = await parts.conversations.load(sessionId);
  const { messages } = conversation;
  return { writer: new RunWriter({ run, log, epoch, messages, stamp: parts.stamp }), claim, conversation };
}

async function nextEpoch({ store }: EngineParts, sessionId: string): Promise<number> {
  const epoch = await store.sessions.epoch(sessionId);
  if (epoch === undefined) throw notFound("session", sessionId);
  return epoch + 1;
}

/** The epoch under which this process holds a session, which it takes where it does not. @throws Fault `not_found`. */
export async function epochOf({ store, epochs }: EngineParts, sessionId: string): Promise<number> {
  const held = epochs.get(sessionId);
  if (held !== undefined) return held;
  const epoch = await store.sessions.claim(sessionId);
  if (epoch === undefined) throw notFound("session", sessionId);
  epochs.set(sessionId, epoch);
  return epoch;
}

/** Why a batch was not written, which also means that the session is no longer held. */
export function refused(
  parts: EngineParts,
  sessionId: string,
  result: Exclude<BatchResult, "written">,
): Fault {
  parts.epochs.delete(sessionId);
  switch (result) {
    case "missing":
      return notFound("session", sessionId);
    case "stale":
    case "conflict":
      return new Fault("busy", "another writer holds the session", { retryable: true });
    default:
      return result satisfies never;
  }
}
