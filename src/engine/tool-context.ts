import type { JsonValue } from "@bufbuild/protobuf";
import { ElicitationState, OutputStream } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import { canceled } from "../core/fault.js";
import type { Store } from "../core/store.js";
import type { ElicitationOutcome, ToolContext, ToolNotes } from "../core/tool.js";
import type { ToolStep } from "./tool-step.js";

/**
 * Gives a tool what it works with in one call. What it has asked and nobody has answered when its work is over is
 * canceled, and it can ask nothing after that.
 * @throws what the work does, and a Fault when the end of a question cannot be stored.
 */
export async function withToolContext<T>(
  step: ToolStep,
  call: ToolCall,
  signal: AbortSignal,
  work: (context: ToolContext) => Promise<T>,
): Promise<T> {
  const asking = { hasAsked: false, over: false };
  try {
    return await work(toolContext(step, call, asking, signal));
  } finally {
    asking.over = true;
    if (asking.hasAsked) await step.elicitations.withdraw(step.writer.run.id, call.id);
  }
}

function toolContext(
  step: ToolStep,
  call: ToolCall,
  asking: { hasAsked: boolean; readonly over: boolean },
  signal: AbortSignal,
): ToolContext {
  const { writer, session, sandbox, elicitations } = step;
  return {
    workDir: session.workDir,
    sessionId: session.id,
    toolCallId: call.id,
    sandbox,
    allowedHosts: step.agent.allowedHosts,
    notes: notesOf(step.store, session.id, step.agent.id),
    async elicit(question) {
      if (asking.over) throw canceled("the call is over");
      asking.hasAsked = true;
      const { state, content } = await elicitations.ask(writer, call.id, question, signal);
      return { action: actionOf(state), content };
    },
    onOutput: (text, stream) => {
      if (signal.aborted) return;
      const value = {
        toolCallId: call.id,
        text: text.toWellFormed(),
        stream: stream === "stderr" ? OutputStream.STDERR : OutputStream.STDOUT,
      };
      writer.emit({ case: "toolCallDelta", value });
    },
  };
}

/** What became of a question, in the words of tools. */
export function actionOf(state: ElicitationState): ElicitationOutcome["action"] {
  switch (state) {
    case ElicitationState.ACCEPTED:
      return "accept";
    case ElicitationState.DECLINED:
      return "decline";
    case ElicitationState.EXPIRED:
      return "expire";
    default:
      return "cancel";
  }
}

/** Notes are documents of the store, under the id of the session or the agent and a name. */
function notesOf({ documents }: Store, sessionId: string, agentId: string): ToolNotes {
  const ownerOf = { session: sessionId, agent: agentId };
  const kindOf = { session: "note.session", agent: "note.agent" };
  return {
    async read(scope, name) {
      const row = await documents.get(kindOf[scope], `${ownerOf[scope]}/${name}`);
      return row && (JSON.parse(row.json) as JsonValue);
    },
    async write(scope, name, value) {
      const id = `${ownerOf[scope]}/${name}`;
      await documents.put({ kind: kindOf[scope], id, parent: ownerOf[scope], json: JSON.stringify(value) });
    },
  };
}
