import { clone } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { ModelSettings } from "../../gen/agentry/v1/agents_pb.js";
import type { Run } from "../../gen/agentry/v1/run_pb.js";
import { RunSchema, RunState } from "../../gen/agentry/v1/run_pb.js";
import type { Clock } from "../core/clock.js";
import { Fault, notFound } from "../core/fault.js";
import type { ModelProviders } from "../core/model-provider.js";
import type { Policy } from "../core/policy.js";
import type { Sandbox } from "../core/sandbox.js";
import type { Store } from "../core/store.js";
import type { Tool } from "../core/tool.js";
import type { ToolServers } from "../core/tool-servers.js";
import { admit } from "./admission.js";
import { Approvals } from "./approvals.js";
import type { StoppableRun } from "./children.js";
import type { SessionCompaction } from "./compact-session.js";
import { compactSession } from "./compact-session.js";
import { Conversations } from "./conversations.js";
import { Elicitations } from "./elicitations.js";
import { forgetServers } from "./forget-servers.js";
import { Lane } from "./lane.js";
import type { EngineParts } from "./lane-runs.js";
import { cancelQueued, startNext } from "./lane-runs.js";
import type { RunOrder } from "./new-run.js";
import { recoverRuns } from "./recovery.js";
import type { RetryPolicy } from "./retry.js";
import { defaultRetryPolicy } from "./retry.js";
import { ServerTrust } from "./server-trust.js";
import { SessionLogs } from "./session-logs.js";
import { createStamp } from "./stamp.js";

const noop = (): void => undefined;

/** Milliseconds that interrupted runs have to close their logs, longer than a tool has to stop. */
const stopLimitMs = 6000;

/** What an engine works with. */
export interface EngineOptions {
  readonly store: Store;
  readonly providers: ModelProviders;
  readonly tools: readonly Tool[];
  /** Connects agents to their MCP servers. Absent: they have none. */
  readonly toolServers?: ToolServers;
  readonly sandbox: Sandbox;
  /** Decides which tool calls run. */
  readonly policy: Policy;
  readonly clock: Clock;
  /** Tokens that a model can take in one call; 0 where that is not known, which leaves its sessions as they are. */
  contextWindow(settings: ModelSettings): number;
  /** The share of the window above which older turns are summarised. Default 0.8. */
  readonly compactAt?: number;
  /** Told of faults that nobody understands, to be logged. */
  onBug(error: unknown): void;
  readonly retry?: RetryPolicy;
  /** Milliseconds until an approval is denied, or a question expires, for want of an answer. Default one hour. */
  readonly approvalExpiryMs?: number;
  /** Milliseconds that a tool has to stop after a cancel. Default 5,000. */
  readonly stopMs?: number;
  /** How deep agents may give tasks to agents. Default 5. */
  readonly maxDelegationDepth?: number;
}

/**
 * Runs agents. A run belongs to its session and is stopped by nothing but its own end, a cancel, or the
 * end of the server; connections only read its log. Call `recover` before the first `start`.
 */
export class Engine {
  readonly logs: SessionLogs;
  readonly approvals: Approvals;
  readonly elicitations: Elicitations;
  readonly stamp: () => Timestamp;
  readonly #parts: EngineParts;
  #draining = false;

  constructor(options: EngineOptions) {
    const { store, clock } = options;
    this.stamp = createStamp(clock);
    const expiryMs = options.approvalExpiryMs ?? 3_600_000;
    this.approvals = new Approvals(store, clock, expiryMs);
    this.elicitations = new Elicitations(store, clock, expiryMs);
    const lanes = new Map<string, Lane>();
    this.logs = new SessionLogs(store, (sessionId, fault) =>
      lanes.get(sessionId)?.active?.fail(Fault.from(fault)),
    );
    this.#parts = {
      store,
      logs: this.logs,
      lanes,
      epochs: new Map(),
      conversations: new Conversations(store),
      stamp: this.stamp,
      background: new AbortController(),
      tasks: new Set(),
      decide: (sessionId, work) => this.#decide(sessionId, work),
      onBug: (error) => options.onBug(error),
      run: {
        store,
        providers: options.providers,
        tools: new Map(options.tools.map((tool) => [tool.name, tool])),
        ...(options.toolServers && {
          toolServers: { servers: options.toolServers, trust: new ServerTrust(store.documents) },
        }),
        sandbox: options.sandbox,
        policy: options.policy,
        approvals: this.approvals,
        elicitations: this.elicitations,
        retry: options.retry ?? defaultRetryPolicy,
        stopMs: options.stopMs ?? 5000,
        logs: this.logs,
        maxDepth: options.maxDelegationDepth ?? 5,
        startChild: (order) => this.#startChild(order),
        contextWindow: (settings) => options.contextWindow(settings),
        compactAt: options.compactAt ?? 0.8,
      },
    };
  }

  /** Closes what an earlier process left unfinished, as interrupted, and starts what it left in the queue. */
  async recover(): Promise<void> {
    for (const queued of await recoverRuns(this.#parts)) {
      const lane = this.#lane(queued.run.sessionId);
      lane.queue.push(queued);
    }
    for (const [sessionId, lane] of this.#parts.lanes) {
      await lane.decide(() => startNext(this.#parts, lane, sessionId));
    }
  }

  /** Forgets what was approved of MCP servers that no agent has any more, and secrets that were got for them. */
  async forgetServers(): Promise<void> {
    const { store, toolServers } = this.#parts.run;
    if (toolServers) await forgetServers(store.agents, toolServers);
  }

  /**
   * Starts a run, or queues it, or gives its message to the run under way, as `whenBusy` says; or attaches
   * to the run that has its request id. What it returns is durable.
   * @throws Fault `not_found`, `invalid`, `busy`, `conflict`, `unavailable` while draining.
   */
  async start(order: RunOrder): Promise<Run> {
    return this.#decide(order.sessionId, async (lane) => {
      if (this.#draining) throw new Fault("unavailable", "the server is stopping", { retryable: true });
      return clone(RunSchema, await admit(this.#parts, lane, order));
    });
  }

  /** Also while draining: what is under way may need it to come to its end. */
  async #startChild(order: RunOrder): Promise<StoppableRun> {
    return this.#decide(order.sessionId, async (lane) => {
      await admit(this.#parts, lane, order);
      return lane.active ?? { cancel: noop, interrupt: noop, done: Promise.resolve(), lost: false };
    });
  }

  /**
   * Asks a run to stop; its last event confirms it. A finished run stays as it is.
   * @throws Fault `not_found`.
   */
  async cancel(runId: string): Promise<Run> {
    const stored = await this.#parts.store.runs.get(runId);
    if (!stored) throw notFound("run", runId);
    if (stored.state === RunState.FINISHED) return stored;
    return this.#decide(stored.sessionId, async (lane) => {
      const { active } = lane;
      if (active?.writer.run.id === runId) {
        active.cancel();
        await Promise.race([active.writer.log.durable(), active.troubled]);
        return clone(RunSchema, active.writer.run);
      }
      return (
        (await cancelQueued(this.#parts, lane, runId)) ?? (await this.#parts.store.runs.get(runId)) ?? stored
      );
    });
  }

  /**
   * Summarises the older turns of a session; what it returns is durable. Runs that are asked for meanwhile begin
   * after it.
   * @throws Fault `not_found`, `busy`, `canceled`, `unavailable` while draining; as the provider does.
   */
  async compact(sessionId: string, signal: AbortSignal): Promise<SessionCompaction> {
    const { tasks } = this.#parts;
    const compaction = this.#decide(sessionId, async (lane) => {
      if (this.#draining) throw new Fault("unavailable", "the server is stopping", { retryable: true });
      lane.compaction = new AbortController();
      const signals = [signal, lane.compaction.signal, this.#parts.background.signal];
      try {
        return await compactSession(this.#parts, lane, sessionId, AbortSignal.any(signals));
      } finally {
        lane.compaction = undefined;
      }
    });
    const task: Promise<void> = compaction.then(noop, noop).finally(() => tasks.delete(task));
    tasks.add(task);
    return compaction;
  }

  /**
   * Deletes a session and everything in it, its child sessions too; a run or a compaction in it is canceled first.
   * False when there is none.
   */
  async deleteSession(sessionId: string): Promise<boolean> {
    this.#parts.lanes.get(sessionId)?.compaction?.abort();
    return this.#decide(sessionId, async (lane) => {
      lane.queue.length = 0;
      lane.active?.cancel();
      // A run whose log cannot be stored is not waited for: deleting it may make room.
      await Promise.race([lane.left, lane.active?.troubled ?? lane.left]);
      await this.#parts.run.toolServers?.servers.leave(sessionId);
      await this.#deleteChildren(sessionId);
      const deleted = await this.#parts.store.sessions.delete(sessionId);
      this.logs.close(sessionId);
      this.#parts.conversations.forget(sessionId);
      this.#parts.epochs.delete(sessionId);
      return deleted;
    });
  }

  /** Before their parent: after a crash in between, those that are left are still found. */
  async #deleteChildren(sessionId: string): Promise<void> {
    for (;;) {
      const { items } = await this.#parts.store.sessions.list({ limit: 100 }, sessionId);
      if (items.length === 0) return;
      await Promise.all(items.map(({ id }) => this.deleteSession(id)));
    }
  }

  /** Takes no more runs, gives those under way `graceMs` to end, then ends them as interrupted. */
  async close(graceMs: number): Promise<void> {
    this.#draining = true;
    this.#parts.background.abort();
    const { lanes, tasks } = this.#parts;
    for (const lane of lanes.values()) lane.queue.length = 0;
    const active = (): Promise<void>[] => [...lanes.values()].flatMap(({ active }) => active?.done ?? []);
    const deadline = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
    await Promise.race([Promise.all(active()), deadline]);
    for (const lane of lanes.values()) lane.active?.interrupt();
    await Promise.race([
      Promise.all([...active(), ...tasks]),
      new Promise<void>((resolve) => setTimeout(resolve, stopLimitMs).unref()),
    ]);
    await this.logs.idle();
  }

  /** Decides about a session, after every decision made before. */
  async #decide<T>(sessionId: string, work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = this.#lane(sessionId);
    try {
      return await lane.decide(() => work(lane));
    } finally {
      if (lane.idle) this.#parts.lanes.delete(sessionId);
    }
  }

  #lane(sessionId: string): Lane {
    const lane = this.#parts.lanes.get(sessionId) ?? new Lane();
    this.#parts.lanes.set(sessionId, lane);
    return lane;
  }
}
