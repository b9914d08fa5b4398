import { stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Session, SessionService } from "../../gen/agentry/v1/sessions_pb.js";
import { ApprovalMode, SessionSchema } from "../../gen/agentry/v1/sessions_pb.js";
import { invalid, notFound } from "../core/fault.js";
import { newId } from "../core/id.js";
import type { Policy } from "../core/policy.js";
import type { Store } from "../core/store.js";
import type { Engine } from "../engine/engine.js";
import { checkRules } from "./check-rules.js";
import { applyMask } from "./field-mask.js";
import { checkEnum, checkLabels, checkLength, checkTime, checkTitle } from "./limits.js";
import { readMessageToken, writeMessageToken } from "./message-token.js";
import { toPage } from "./page.js";

const mutable = ["title", "agent_id", "work_dir", "approval_mode", "labels", "expires_at", "rules"];

/** What the session service works with. */
export interface SessionServiceParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly policy: Policy;
  stamp(): Timestamp;
}

/** The canonical SessionService. */
export function createSessionService(parts: SessionServiceParts) {
  const { store, engine, stamp, policy } = parts;
  return {
    async createSession({ session: given }) {
      const now = stamp();
      const session = create(SessionSchema, {
        id: newId(),
        title: given?.title ?? "",
        agentId: given?.agentId ?? "",
        workDir: given?.workDir ?? "",
        approvalMode: given?.approvalMode || ApprovalMode.ASK,
        labels: given?.labels ?? {},
        rules: given?.rules ?? [],
        ...(given?.expiresAt && { expiresAt: given.expiresAt }),
        usage: {},
        createdAt: now,
        updatedAt: now,
      });
      checkRules(policy, session.rules);
      await check(store, session);
      await store.sessions.insert(session);
      return { session };
    },

    async getSession({ sessionId }) {
      return { session: await find(store, sessionId) };
    },

    async listSessions({ parentSessionId, ...request }) {
      const { items, cursor } = await store.sessions.list(toPage(request), parentSessionId);
      if (parentSessionId && items.length === 0) await find(store, parentSessionId);
      return { sessions: items, nextPageToken: cursor ?? "" };
    },

    async updateSession({ session: changes, updateMask }) {
      if (!changes?.id) throw invalid("session.id is required");
      const stored = await find(store, changes.id);
      const paths = updateMask?.paths ?? [];
      const changed = applyMask({ schema: SessionSchema, stored, changes, paths, mutable });
      const approvalMode = changed.approvalMode || ApprovalMode.ASK;
      const session: Session = { ...changed, approvalMode, updatedAt: stamp() };
      checkRules(policy, session.rules);
      await check(store, session, stored);
      if (!(await store.sessions.update(session))) throw notFound("session", session.id);
      return { session: await find(store, session.id) };
    },

    async deleteSession({ sessionId }) {
      if (!(await engine.deleteSession(sessionId))) throw notFound("session", sessionId);
      return {};
    },

    async listMessages({ sessionId, ...request }) {
      const { limit, cursor } = toPage(request);
      const after = cursor === undefined ? 0 : readMessageToken(cursor);
      const messages = await store.messages.list(sessionId, after, limit + 1);
      if (messages.length === 0) await find(store, sessionId);
      const page = messages.slice(0, limit);
      return {
        messages: page,
        nextPageToken: messages.length > limit ? writeMessageToken(page.at(-1)?.index ?? 0) : "",
      };
    },
  } satisfies ServiceImpl<typeof SessionService>;
}

async function find(store: Store, sessionId: string): Promise<Session> {
  const session = await store.sessions.get(sessionId);
  if (!session) throw notFound("session", sessionId);
  return session;
}

/** Checks what is new in a session. */
async function check(store: Store, session: Session, before?: Session): Promise<void> {
  checkTitle("title", session.title, 500);
  checkLabels(session.labels);
  checkEnum("approval_mode", ApprovalMode, session.approvalMode);
  if (session.parentSessionId && session.approvalMode !== before?.approvalMode)
    throw invalid(
      "approval_mode of a child session is that of the session which is not a child: change it there",
    );
  checkTime("expires_at", session.expiresAt);
  if (session.agentId && session.agentId !== before?.agentId && !(await store.agents.get(session.agentId))) {
    throw notFound("agent", session.agentId);
  }
  if (session.workDir && session.workDir !== before?.workDir) await checkWorkDir(session.workDir);
}

async function checkWorkDir(workDir: string): Promise<void> {
  if (!isAbsolute(workDir) || workDir.includes("\0")) throw invalid("work_dir is not an absolute path");
  checkLength("work_dir", workDir, 4096);
  const found = await stat(workDir).catch(() => undefined);
  if (!found?.isDirectory()) throw invalid(`work_dir ${JSON.stringify(workDir)} is not a directory`);
}
