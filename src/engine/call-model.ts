import type { Agent, ModelSettings } from "../../gen/agentry/v1/agents_pb.js";
import type { Message, Usage } from "../../gen/agentry/v1/message_pb.js";
import { Purpose } from "../../gen/agentry/v1/message_pb.js";
import { Fault } from "../core/fault.js";
import type { ModelProviders, ModelRequest, ToolDefinition } from "../core/model-provider.js";
import { toFailure } from "./failure.js";
import { runModelStep } from "./model-step.js";
import type { RetryPolicy } from "./retry.js";
import { retryDelay, wait } from "./retry.js";
import type { RunWriter } from "./run-writer.js";

/** What a model call of a run needs, whichever model answers it. */
export interface ModelCall {
  readonly writer: RunWriter;
  readonly agent: Agent;
  readonly providers: ModelProviders;
  readonly retry: RetryPolicy;
  readonly messages: readonly Message[];
  readonly tools: readonly ToolDefinition[];
  readonly usedIds: Set<string>;
  readonly step: number;
  count(usage: Usage): Usage;
}

/** `provider/model`, as events and messages name a model. */
export function modelName({ provider, name }: ModelSettings): string {
  return `${provider}/${name}`;
}

/**
 * One step: the agent's model, tried again while its faults may pass, then each fallback in turn. Once a
 * model has begun to answer there is no second try: what it said has been seen.
 */
export async function callModel(call: ModelCall, signal: AbortSignal): Promise<Message> {
  const models = [call.agent.model, ...call.agent.fallbacks].filter((model) => model !== undefined);
  let last: Fault | undefined;
  for (const [i, settings] of models.entries()) {
    const outcome = await tryModel(call, settings, models[i + 1], signal);
    if (!(outcome instanceof Fault)) return outcome;
    last = outcome;
  }
  throw last ?? new Fault("invalid", "the agent has no model");
}

/** The answer, or the fault after which another model may be tried. */
async function tryModel(
  call: ModelCall,
  settings: ModelSettings,
  fallback: ModelSettings | undefined,
  signal: AbortSignal,
): Promise<Message | Fault> {
  const { writer, retry } = call;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptModel(call, settings, signal);
    } catch (error) {
      const fault = Fault.from(error);
      if (signal.aborted || hasAnswered(writer) || !fault.detail.retryable) throw fault;
      const again = attempt < retry.attempts;
      if (!again && !fallback) throw fault;
      closeAttempt(call);
      const delayMs = again ? retryDelay(retry, attempt, fault) : 0;
      const model = modelName(again || !fallback ? settings : fallback);
      writer.emit({ case: "retryScheduled", value: { attempt, delayMs, failure: toFailure(fault), model } });
      if (!again) return fault;
      await wait(delayMs, signal);
    }
  }
}

function hasAnswered({ progress }: RunWriter): boolean {
  return (progress.step?.blocks.size ?? 0) > 0;
}

function closeAttempt({ writer, step }: ModelCall): void {
  if (writer.progress.step) writer.emit({ case: "stepFinished", value: { step } });
}

async function attemptModel(call: ModelCall, settings: ModelSettings, signal: AbortSignal): Promise<Message> {
  const provider = await call.providers.get(settings.provider);
  return runModelStep(
    {
      writer: call.writer,
      provider,
      request: toRequest(call, settings),
      usedIds: call.usedIds,
      step: call.step,
      model: modelName(settings),
      count: (usage) => call.count(usage),
    },
    signal,
  );
}

function toRequest({ agent, messages, tools, writer }: ModelCall, settings: ModelSettings): ModelRequest {
  return {
    model: settings.name,
    system: agent.instructions,
    messages,
    tools,
    maxTokens: settings.maxTokens,
    temperature: settings.temperature,
    topP: settings.topP,
    reasoningTokens: settings.reasoningTokens,
    outputSchema: agent.outputSchema,
    baseUrl: settings.baseUrl,
    purpose: Purpose.STEP,
    sessionId: writer.run.sessionId,
  };
}
