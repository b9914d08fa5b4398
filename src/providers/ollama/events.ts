import { create } from "@bufbuild/protobuf";
import { StopReason, UsageSchema } from "../../../gen/agentry/v1/message_pb.js";
import type { ModelEvent } from "../../core/model-provider.js";
import { Answer } from "../answer.js";
import type { FaultSource } from "../faults.js";
import { brokenFault, statusFault } from "../faults.js";
import { countOf, listOf, member, textOf } from "../json-value.js";
import { readBatches } from "../read-batches.js";

/**
 * The chunks of `/api/chat` as ModelEvents, in batches. The answer is whole with the chunk that is `done`; that one may
 * hold content as well. Ids of tool calls are left to the engine, since most versions of Ollama give none.
 * Throws a Fault for an error in the stream and for a stream that ends before it is done.
 */
export async function* fromOllamaChunks(
  chunks: AsyncIterable<readonly unknown[]>,
  source: FaultSource,
): AsyncGenerator<readonly ModelEvent[], void> {
  const answer = new Answer();
  const whole = yield* readBatches(chunks, {
    read: (chunk) => {
      const error = member(chunk, "error");
      if (error) throw statusFault(source, { status: 500, body: JSON.stringify({ error }) });
      readMessage(answer, member(chunk, "message"), source);
      const done = member(chunk, "done") === true;
      if (done) finish(answer, chunk, source);
      return done;
    },
    take: () => answer.take(),
  });
  if (!whole) throw brokenFault(source, "broke off its answer");
}

function readMessage(answer: Answer, message: unknown, source: FaultSource): void {
  answer.reasoning(textOf(member(message, "thinking")));
  answer.text(textOf(member(message, "content")));
  for (const call of listOf(member(message, "tool_calls"))) {
    const called = member(call, "function");
    const name = textOf(member(called, "name"));
    if (name === "") throw brokenFault(source, "called a tool without a name");
    const input = member(called, "arguments") ?? {};
    const handle = String(answer.toolCalls);
    answer.startTool(handle, { id: "", name });
    answer.toolDelta(handle, typeof input === "string" ? input : JSON.stringify(input));
    answer.finishTool(handle);
  }
}

function finish(answer: Answer, chunk: unknown, source: FaultSource): void {
  const reason = textOf(member(chunk, "done_reason"));
  // The words for a model that was loaded or unloaded, and never asked.
  if (reason === "load" || reason === "unload")
    throw brokenFault(source, `did not answer, but did ${reason} the model`);
  const usage = create(UsageSchema, {
    inputTokens: countOf(member(chunk, "prompt_eval_count")) ?? 0,
    outputTokens: countOf(member(chunk, "eval_count")) ?? 0,
  });
  // Local models have no list price.
  answer.finish(reason === "length" ? StopReason.MAX_TOKENS : StopReason.END, usage, undefined);
}
