import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { onTestFinished } from "vitest";
import { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalSchema, ApprovalState, EventSchema } from "../../gen/agentry/v1/event_pb.js";
import { MessageSchema, Role } from "../../gen/agentry/v1/message_pb.js";
import { RunSchema, RunState } from "../../gen/agentry/v1/run_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import { SessionSchema } from "../../gen/agentry/v1/sessions_pb.js";
import type { Clock } from "../../src/core/clock.js";
import { newId } from "../../src/core/id.js";
import type { Batch, Store, Write } from "../../src/core/store.js";
import { openSqliteStore } from "../../src/store/sqlite/open.js";

export const noon = 1_800_000_000_000;
export const clock: Clock = { now: () => noon };

/** A directory that is gone after the test. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "agentry-store-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A store in a file of its own, closed after the test. */
export async function tempStore(path = join(tempDir(), "test.db")): Promise<Store> {
  const store = await openSqliteStore({ path, clock });
  onTestFinished(() => store.close());
  return store;
}

export async function newSession(store: Store, init: MessageInitShape<typeof SessionSchema> = {}) {
  const session: Session = create(SessionSchema, {
    id: newId(),
    title: "A session",
    createdAt: timestampFromMs(noon),
    updatedAt: timestampFromMs(noon),
    ...init,
  });
  await store.sessions.insert(session);
  return session.id;
}

export function delta(sessionId: string, text: string, runId = ""): Event {
  return create(EventSchema, {
    sessionId,
    runId,
    time: timestampFromMs(noon),
    body: { case: "textDelta", value: { text } },
  });
}

export function message(sessionId: string, text: string) {
  return create(MessageSchema, {
    id: newId(),
    sessionId,
    role: Role.USER,
    parts: [{ content: { case: "text", value: text } }],
    createdAt: timestampFromMs(noon),
  });
}

export function run(sessionId: string, init: MessageInitShape<typeof RunSchema> = {}) {
  return create(RunSchema, {
    id: newId(),
    sessionId,
    state: RunState.RUNNING,
    createdAt: timestampFromMs(noon),
    ...init,
  });
}

export function approval(sessionId: string, runId: string, state = ApprovalState.PENDING) {
  return create(ApprovalSchema, {
    id: newId(),
    sessionId,
    runId,
    state,
    toolCall: { id: newId(), name: "bash", arguments: { command: "ls" } },
    argumentsSha256: "00".repeat(32),
    createdAt: timestampFromMs(noon),
  });
}

export function details(sessionId: string) {
  return {
    inputSha256: "ab".repeat(32),
    input: message(sessionId, "input"),
    agent: create(AgentSchema, { id: newId(), name: "Agent" }),
  };
}

export const event = (event: Event): Write => ({ type: "event", event });

export const deltas = (sessionId: string, ...texts: string[]): Batch => ({
  sessionId,
  writes: texts.map((text) => event(delta(sessionId, text))),
});

/** All events of a session, or of one of its runs. */
export const allEvents = (store: Store, sessionId: string, runId?: string): Promise<Event[]> =>
  store.events.read({ sessionId, after: 0, limit: 1_000_000, maxBytes: 1e9, runId });

export const textOf = (event: Event): string =>
  event.body.case === "textDelta" ? event.body.value.text : (event.body.case ?? "");
