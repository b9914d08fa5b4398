import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import { Purpose, StopReason, UsageSchema } from "../../gen/agentry/v1/message_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { OnDisconnect, WhenBusy } from "../../gen/agentry/v1/run_pb.js";
import { ApprovalMode, SessionSchema } from "../../gen/agentry/v1/sessions_pb.js";
import { systemClock } from "../../src/core/clock.js";
import { canceled } from "../../src/core/fault.js";
import { flattenPages } from "../../src/core/flatten-pages.js";
import { newId } from "../../src/core/id.js";
import type { ModelEvent, ModelRequest } from "../../src/core/model-provider.js";
import type { Store } from "../../src/core/store.js";
import type { Tool, ToolContext, ToolOutput } from "../../src/core/tool.js";
import type { EngineOptions } from "../../src/engine/engine.js";
import { Engine } from "../../src/engine/engine.js";
import type { RunOrder } from "../../src/engine/new-run.js";
import { textPart } from "../../src/engine/run-progress.js";
import type { ReadOptions, SessionLog } from "../../src/engine/session-log.js";
import { Watch } from "../../src/engine/watch.js";
import { openSqliteStore } from "../../src/store/sqlite/open.js";
import { createPolicy } from "../../src/tools/policy/create-policy.js";
import { createNoSandbox } from "../../src/tools/sandbox/none.js";

/** Answers the model call with this number, counted from 1; titles and summaries are not counted. */
export type Script = (
  request: ModelRequest,
  number: number,
  signal: AbortSignal,
) => Iterable<ModelEvent> | AsyncIterable<ModelEvent>;

export type RoomOptions = Partial<
  Pick<EngineOptions, "retry" | "approvalExpiryMs" | "stopMs" | "sandbox" | "toolServers">
> & {
  readonly tools?: readonly Tool[];
  readonly store?: (store: Store) => Store;
  readonly file?: string;
  readonly title?: Script;
  /** Answers calls for a summary, numbered from 1. */
  readonly summary?: Script;
  /** Tokens of the model's window. Default: unknown. */
  readonly window?: number;
};

export type Room = Awaited<ReturnType<typeof openRoom>>;

/** An engine on a real database, whose model says what a script says. Closed when the test ends. */
export async function openRoom(script: Script, options: RoomOptions = {}) {
  const file = options.file ?? databaseFile();
  const real = await openSqliteStore({ path: file, clock: systemClock });
  const store = options.store?.(real) ?? real;
  const requests: ModelRequest[] = [];
  const compactions: ModelRequest[] = [];
  const bugs: unknown[] = [];
  let current = script;
  const provider = {
    id: "fake",
    models: async () => [],
    async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelEvent> {
      if (request.system.startsWith("Write a title")) {
        yield* (options.title ?? (() => says("A title")))(request, 0, signal);
        return;
      }
      if (request.purpose === Purpose.COMPACTION) {
        compactions.push(request);
        yield* (options.summary ?? (() => says("A summary")))(request, compactions.length, signal);
        return;
      }
      requests.push(request);
      yield* current(request, requests.length, signal);
    },
  };
  const engine = new Engine({
    store,
    providers: { get: async () => provider },
    tools: options.tools ?? [],
    sandbox: options.sandbox ?? createNoSandbox(),
    policy: createPolicy(),
    clock: systemClock,
    contextWindow: () => options.window ?? 0,
    onBug: (error) => bugs.push(error),
    retry: options.retry ?? { attempts: 3, baseMs: 1, maxMs: 20 },
    ...(options.approvalExpiryMs && { approvalExpiryMs: options.approvalExpiryMs }),
    ...(options.stopMs && { stopMs: options.stopMs }),
    ...(options.toolServers && { toolServers: options.toolServers }),
  });
  await engine.recover();
  const pages = new Watch(store, engine.logs);
  const watch = {
    run: (runId: string, after: number, signal: AbortSignal) =>
      flattenPages(pages.runPages(runId, after, signal), (event) => event),
  };
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await engine.close(0);
    await real.close();
  };
  onTestFinished(close);
  return {
    engine,
    store,
    file,
    requests,
    compactions,
    bugs,
    watch,
    close,
    answer: (next: Script) => {
      current = next;
    },
    session: (init: SessionInit = {}) => createSession(store, options.tools ?? [], init),
    start: (sessionId: string, text: string, extra: Partial<RunOrder> = {}) =>
      engine.start(order(sessionId, text, extra)),
    /** The events of a run, when it has finished. */
    finished: (run: Run | string) => collect(watch.run(typeof run === "string" ? run : run.id, 0, never)),
    events: (sessionId: string) => store.events.read({ sessionId, after: 0, limit: 100_000, maxBytes: 1e9 }),
    messages: (sessionId: string) => store.messages.list(sessionId, 0, 1000),
  };
}

/** A store of which some parts are others. */
export function replaced(real: Store, parts: Partial<Store>): Store {
  const { agents, sessions, messages, runs, events, approvals, elicitations, credentials, documents } = real;
  const rows = { agents, sessions, messages, runs, events, approvals, elicitations, credentials, documents };
  return { ...rows, commit: (batches) => real.commit(batches), close: () => real.close(), ...parts };
}

export function databaseFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "agentry-engine-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "agentry.db");
}

export const never = new AbortController().signal;

interface SessionInit {
  readonly mode?: ApprovalMode;
  readonly title?: string;
  readonly agent?: MessageInitShape<typeof AgentSchema>;
}

async function createSession(store: Store, tools: readonly Tool[], init: SessionInit): Promise<string> {
  const agent = create(AgentSchema, {
    id: newId(),
    name: "agent",
    model: { provider: "fake", name: "one" },
    tools: tools.map(({ name }) => name),
    ...(init.agent as object),
  });
  await store.agents.insert(agent);
  const session = create(SessionSchema, {
    id: newId(),
    agentId: agent.id,
    title: init.title ?? "Given",
    approvalMode: init.mode ?? ApprovalMode.AUTO,
    usage: {},
  });
  await store.sessions.insert(session);
  return session.id;
}

export function order(sessionId: string, text: string, extra: Partial<RunOrder> = {}): RunOrder {
  return {
    sessionId,
    parts: [textPart(text)],
    agentId: "",
    whenBusy: WhenBusy.UNSPECIFIED,
    onDisconnect: OnDisconnect.CONTINUE,
    requestId: "",
    ...extra,
  };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The kinds of events, deltas left out. */
export function kinds(events: readonly Event[]): string[] {
  return events.flatMap(({ body }) => (body.case && !body.case.endsWith("Delta") ? [body.case] : []));
}

/** The values of one kind of event. */
export function bodies<C extends NonNullable<Event["body"]["case"]>>(
  events: readonly Event[],
  kind: C,
): Extract<Event["body"], { case: C }>["value"][] {
  return events.flatMap(({ body }) => (body.case === kind ? [body.value as never] : []));
}

export function ending(events: readonly Event[]) {
  const last = events.at(-1)?.body;
  if (last?.case !== "runFinished") throw new Error(`the last event is ${last?.case}`);
  return last.value;
}

const usage = (inputTokens = 10, outputTokens = 5) => create(UsageSchema, { inputTokens, outputTokens });

export function* says(text: string, pieces: readonly string[] = [text]): Generator<ModelEvent> {
  yield { type: "text_started", index: 0 };
  for (const piece of pieces) yield { type: "text_delta", index: 0, text: piece };
  yield { type: "text_finished", index: 0, text };
  yield { type: "finish", stopReason: StopReason.END, usage: usage() };
}

export interface ScriptedCall {
  readonly name: string;
  readonly input?: object;
  readonly json?: string;
  readonly id?: string;
}

export function* calls(...wanted: readonly ScriptedCall[]): Generator<ModelEvent> {
  for (const [index, { name, input = {}, json = JSON.stringify(input), id = "" }] of wanted.entries()) {
    yield { type: "tool_input_started", index, toolCallId: id, name };
    if (json) yield { type: "tool_input_delta", index, json };
    yield { type: "tool_input_finished", index, name, json };
  }
  yield { type: "finish", stopReason: StopReason.TOOL_CALLS, usage: usage() };
}

/** Says a part of a text, then nothing until it is stopped. */
export async function* stalls(text: string, signal: AbortSignal): AsyncGenerator<ModelEvent> {
  yield { type: "text_started", index: 0 };
  yield { type: "text_delta", index: 0, text };
  await stopped(signal);
}

export async function stopped(signal: AbortSignal): Promise<never> {
  await sleep(2 ** 30, undefined, { signal, ref: false }).catch(() => undefined);
  throw canceled();
}

type Run0 = (
  input: Record<string, unknown>,
  context: ToolContext,
  signal: AbortSignal,
) => Promise<ToolOutput>;

export function tool(
  name: string,
  run: Run0 = async () => ({ text: "done", failed: false }),
  readOnly = false,
): Tool {
  return {
    name,
    description: name,
    inputSchema: { type: "object" },
    readOnly,
    summarize: (input) => `${name} ${JSON.stringify(input)}`,
    run: (input, context, signal) => run(input, context, signal),
  };
}

/** A place where work waits until it is let go. */
export function gate(): {
  readonly passed: Promise<void>;
  open(): void;
  reached: Promise<void>;
  wait(): Promise<void>;
} {
  const door = Promise.withResolvers<void>();
  const arrival = Promise.withResolvers<void>();
  return {
    passed: door.promise,
    open: () => door.resolve(),
    reached: arrival.promise,
    wait: async () => {
      arrival.resolve();
      await door.promise;
    },
  };
}

/** The events of a log, one by one. */
export const readEvents = (log: SessionLog, options: ReadOptions, signal: AbortSignal) =>
  flattenPages(log.pages(options, signal), (event) => event);

/** What the user said, in the order of the history. */
export const said = (
  messages: readonly { parts: readonly { content: { value?: unknown } }[] }[],
): unknown[] => messages.map(({ parts }) => parts[0]?.content.value);
