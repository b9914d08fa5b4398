import type { ServiceImpl } from "@connectrpc/connect";
import type { Approval, Event } from "../../gen/agentry/v1/event_pb.js";
import { ApprovalState, ElicitationState, Verdict } from "../../gen/agentry/v1/event_pb.js";
import type { Part } from "../../gen/agentry/v1/message_pb.js";
import type { Input, Run, RunService } from "../../gen/agentry/v1/run_pb.js";
import { ApprovalScope, ElicitationAction, OnDisconnect, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { invalid, notFound } from "../core/fault.js";
import { flattenPages } from "../core/flatten-pages.js";
import type { Store } from "../core/store.js";
import type { Engine } from "../engine/engine.js";
import type { RunOrder } from "../engine/new-run.js";
import { ruleFor } from "../engine/rules.js";
import { textPart } from "../engine/run-progress.js";
import { Watch } from "../engine/watch.js";
import type { Call } from "./call.js";
import { checkEnum, checkJson, checkLength } from "./limits.js";
import { toPage } from "./page.js";

const maxInstructions = 1024 * 1024;

/** What the run service works with. */
export interface RunServiceParts {
  readonly store: Store;
  readonly engine: Engine;
  readonly imageType: ImageType;
}

/** The media type of a PNG, JPEG, GIF or WebP image by what it begins with, undefined for anything else. */
type ImageType = (bytes: Uint8Array) => string | undefined;

/** The canonical RunService. */
export function createRunService({ store, engine, imageType }: RunServiceParts) {
  const watch = new Watch(store, engine.logs);
  const start = async (request: RunRequestLike, onDisconnect: OnDisconnect, call: Call): Promise<Run> => {
    const order = toOrder(request, onDisconnect, call);
    for (const part of order.parts) checkImage(part, imageType);
    return engine.start(order);
  };
  return {
    run(request, call: Call) {
      const started = (): Promise<Run> => start(request, request.onDisconnect, call);
      const leave = (run: Run): Promise<unknown> | undefined =>
        request.onDisconnect === OnDisconnect.CANCEL ? engine.cancel(run.id) : undefined;
      return flattenPages(startAndWatch({ started, watch, leave }, call.signal), toResponse);
    },

    async startRun(request, call: Call) {
      return { run: await start(request, OnDisconnect.CONTINUE, call) };
    },

    async getRun({ runId }) {
      const run = await store.runs.get(runId);
      if (!run) throw notFound("run", runId);
      return { run };
    },

    async listRuns({ sessionId, ...request }) {
      const { items, cursor } = await store.runs.list(sessionId, toPage(request));
      if (items.length === 0) await checkSession(store, sessionId);
      return { runs: items, nextPageToken: cursor ?? "" };
    },

    watchRun({ runId, after }, { signal }: Call) {
      return flattenPages(watch.runPages(runId, after, signal), toResponse);
    },

    watchSession({ sessionId, after, follow }, { signal }: Call) {
      const options = { after, follow: follow ?? true };
      return flattenPages(watch.sessionPages(sessionId, options, signal), toResponse);
    },

    async cancelRun({ runId }) {
      return { run: await engine.cancel(runId) };
    },

    async compactSession({ sessionId }, { signal }: Call) {
      return engine.compact(sessionId, signal);
    },

    async listApprovals({ sessionId, state }) {
      checkEnum("state", ApprovalState, state);
      if (sessionId) await checkSession(store, sessionId);
      const filter = { ...(sessionId && { sessionId }), state: state || ApprovalState.PENDING };
      return { approvals: await store.approvals.list(filter) };
    },

    async resolveApproval({ approvalId, verdict, argumentsSha256, comment, scope }) {
      checkEnum("verdict", Verdict, verdict);
      checkEnum("scope", ApprovalScope, scope);
      checkLength("comment", comment, 10_000);
      if (verdict === Verdict.DENY && scope > ApprovalScope.CALL)
        throw invalid("scope goes with VERDICT_APPROVE; write a deny rule with UpdateSession");
      const rule = (approval: Approval) => ruleFor(scope, approval);
      const answer = { verdict, argumentsSha256, comment, rule };
      return { approval: await engine.approvals.resolve(approvalId, answer) };
    },

    async listElicitations({ sessionId, state }) {
      checkEnum("state", ElicitationState, state);
      if (sessionId) await checkSession(store, sessionId);
      const filter = { ...(sessionId && { sessionId }), state: state || ElicitationState.PENDING };
      return { elicitations: await store.elicitations.list(filter) };
    },

    async resolveElicitation({ elicitationId, action, content }) {
      checkEnum("action", ElicitationAction, action);
      checkJson("content", content);
      const state = elicitationStates[action];
      if (!state) throw invalid("action is required, for example ELICITATION_ACTION_DECLINE");
      const reply = { state, ...(action === ElicitationAction.ACCEPT && { content: content ?? {} }) };
      return { elicitation: await engine.elicitations.resolve(elicitationId, reply) };
    },
  } satisfies ServiceImpl<typeof RunService>;
}

const toResponse = (event: Event): { event: Event } => ({ event });

/** A run to start and to follow. */
interface FollowedRun {
  readonly watch: Watch;
  started(): Promise<Run>;
  /** Called when its caller has left before its end. */
  leave(run: Run): Promise<unknown> | undefined;
}

async function* startAndWatch(
  { watch, started, leave }: FollowedRun,
  signal: AbortSignal,
): AsyncGenerator<readonly Event[], void> {
  const run = await started();
  let finished = false;
  try {
    for await (const page of watch.runPages(run.id, 0, signal)) {
      finished = page.at(-1)?.body.case === "runFinished";
      yield page;
    }
  } finally {
    if (!finished) await leave(run);
  }
}

const elicitationStates = {
  [ElicitationAction.UNSPECIFIED]: undefined,
  [ElicitationAction.ACCEPT]: ElicitationState.ACCEPTED,
  [ElicitationAction.DECLINE]: ElicitationState.DECLINED,
  [ElicitationAction.CANCEL]: ElicitationState.CANCELED,
} as const;

/** What the requests that start a run have in common. */
type RunRequestLike = Pick<RunOrder, "sessionId" | "agentId" | "whenBusy" | "requestId" | "instructions"> & {
  input?: Input | undefined;
};

function toOrder(request: RunRequestLike, onDisconnect: OnDisconnect, { requestHeader }: Call): RunOrder {
  const key = requestHeader.get("idempotency-key") ?? "";
  if (request.requestId && key && request.requestId !== key)
    throw invalid("request_id and the Idempotency-Key header differ; set one of them");
  const requestId = request.requestId || key;
  checkLength("request_id", requestId, 200);
  checkLength("instructions", request.instructions ?? "", maxInstructions);
  checkEnum("when_busy", WhenBusy, request.whenBusy);
  checkEnum("on_disconnect", OnDisconnect, onDisconnect);
  return {
    sessionId: request.sessionId,
    parts: toParts(request.input),
    agentId: request.agentId,
    whenBusy: request.whenBusy,
    onDisconnect: onDisconnect || OnDisconnect.CONTINUE,
    requestId,
    instructions: request.instructions,
  };
}

function toParts(input: Input | undefined): Part[] {
  if (input?.text && input.parts.length > 0) throw invalid("input has both text and parts; set one of them");
  const parts = input?.text ? [textPart(input.text)] : (input?.parts ?? []);
  if (parts.length === 0) throw invalid('input is required, for example {"text":"Hello"}');
  for (const { content } of parts) {
    if (content.case === "text" && content.value === "") throw invalid("a text part is empty");
    if (content.case !== "text" && content.case !== "blob") {
      throw invalid("input.parts may hold text and blob parts only");
    }
    if (content.case !== "blob") continue;
    if (!content.value.mediaType) throw invalid("a blob's media_type is required");
    if (content.value.data.length === 0) throw invalid("a blob's data is empty");
  }
  return parts;
}

/** Models refuse an image that is none, and would refuse the whole history with it from then on. */
function checkImage({ content }: Part, imageType: ImageType): void {
  if (content.case !== "blob") return;
  const { mediaType, data } = content.value;
  const type = (mediaType.split(";")[0] ?? "").trim().toLowerCase().replace("image/jpg", "image/jpeg");
  if (!/^image\/(png|jpeg|gif|webp)$/.test(type)) return;
  const found = imageType(data);
  if (found !== type) throw invalid(`a blob of ${type} is ${found ? `of ${found}` : "no such image"}`);
}

async function checkSession(store: Store, sessionId: string): Promise<void> {
  if (!(await store.sessions.get(sessionId))) throw notFound("session", sessionId);
}
