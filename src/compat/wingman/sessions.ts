import { setImmediate } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { Session as Canonical } from "../../../gen/agentry/v1/sessions_pb.js";
import { ApprovalMode, SessionSchema as CanonicalSchema } from "../../../gen/agentry/v1/sessions_pb.js";
import type {
  CreateSessionRequest,
  DeleteSessionRequest,
  GetSessionRequest,
  Message,
  Session,
  UpdateSessionRequest,
} from "../../../gen/wingman/v1/sessions_pb.js";
import { SessionSchema } from "../../../gen/wingman/v1/sessions_pb.js";
import { Fault } from "../../core/fault.js";
import { newId } from "../../core/id.js";
import type { Store } from "../../core/store.js";
import { invalidBody, missing } from "./errors.js";
import { toHistory } from "./history.js";
import type { WingmanParts } from "./parts.js";
import { toTimeText } from "./time-text.js";
import type { Turns } from "./turns.js";

const pageMessages = 500;

/** Wingman's sessions: canonical ones, in which every tool runs without a question. */
export function createSessionRoutes({ store, sessions, stamp }: WingmanParts, turns: Turns) {
  const read = async (session: Canonical): Promise<Session> =>
    toSession(session, session.messageCount > 0 ? await readHistory(store, session.id) : []);
  return {
    async createSession({ session: input }: CreateSessionRequest) {
      const session = await insertSession(store, stamp(), input?.workDir ?? "");
      return { session: toSession(session, []) };
    },

    async listSessions() {
      const listed: Session[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.sessions.list({ limit: 100, cursor });
        for (const session of page.items) listed.push(await read(session));
        cursor = page.cursor;
        // Histories may be long, and others wait.
        await setImmediate();
      } while (cursor !== undefined);
      return { sessions: listed };
    },

    async getSession({ sessionId }: GetSessionRequest) {
      return { session: await read(await findSession(store, sessionId)) };
    },

    async updateSession({ sessionId, session: input }: UpdateSessionRequest) {
      return turns.take(sessionId, async () => {
        const stored = await findSession(store, sessionId);
        if (!input) throw invalidBody();
        const workDir = checkWorkDir(input.workDir ?? stored.workDir);
        if (!(await store.sessions.update({ ...stored, workDir, updatedAt: stamp() }))) {
          throw missing("session", sessionId);
        }
        return { session: await read(await findSession(store, sessionId)) };
      });
    },

    async deleteSession({ sessionId }: DeleteSessionRequest) {
      await sessions.deleteSession({ $typeName: "agentry.v1.DeleteSessionRequest", sessionId });
      return { status: "deleted" };
    },
  };
}

/** @throws Fault `not_found`, in Wingman's words. */
export async function findSession(store: Store, sessionId: string): Promise<Canonical> {
  const session = await store.sessions.get(sessionId);
  if (!session) throw missing("session", sessionId);
  return session;
}

/** Creates a session whose working directory need not exist: a tool that is called there will say so. */
export async function insertSession(
  store: Store,
  now: ReturnType<WingmanParts["stamp"]>,
  workDir: string,
  title = "",
): Promise<Canonical> {
  const session = create(CanonicalSchema, {
    id: newId(),
    title,
    workDir: checkWorkDir(workDir),
    approvalMode: ApprovalMode.AUTO,
    usage: {},
    createdAt: now,
    updatedAt: now,
  });
  await store.sessions.insert(session);
  return session;
}

function checkWorkDir(workDir: string): string {
  if (workDir.length > 4096 || workDir.includes("\0")) throw new Fault("invalid", "work_dir is no path");
  return workDir;
}

async function readHistory(store: Store, sessionId: string): Promise<Message[]> {
  const history: Message[] = [];
  // A long one is read in many turns of the event loop.
  for (let after = 0; ; await setImmediate()) {
    const messages = await store.messages.list(sessionId, after, pageMessages);
    history.push(...toHistory(messages));
    const last = messages.at(-1);
    if (!last || messages.length < pageMessages) return history;
    after = last.index;
  }
}

function toSession({ id, workDir, createdAt, updatedAt }: Canonical, history: Message[]): Session {
  return create(SessionSchema, {
    id,
    workDir,
    history,
    createdAt: toTimeText(createdAt),
    updatedAt: toTimeText(updatedAt),
  });
}
