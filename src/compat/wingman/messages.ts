import type {
  MessageInput,
  SendMessageRequest,
  StreamMessageRequest,
} from "../../../gen/wingman/v1/sessions_pb.js";
import { Fault } from "../../core/fault.js";
import type { Call } from "../../services/call.js";
import { invalidBody, missing } from "./errors.js";
import type { StreamItem } from "./events.js";
import { toErrorItem, translate } from "./events.js";
import type { WingmanParts } from "./parts.js";
import { findSession } from "./sessions.js";
import type { Turn } from "./turn.js";
import { findReadyAgent, runTurn } from "./turn.js";
import { readTurn } from "./turn-result.js";
import type { Turns } from "./turns.js";

/** Messages to agents. Those to one session wait for each other; none ends because its caller has left. */
export function createMessageRoutes(parts: WingmanParts, turns: Turns) {
  return {
    async sendMessage({ sessionId, input }: SendMessageRequest, call: Call) {
      const turn = await readInput(parts, sessionId, input);
      await findReadyAgent(parts, turn.agentId);
      return readTurn(runTurn(parts, turns, turn, call));
    },

    async *streamMessage(
      { sessionId, input, events }: StreamMessageRequest,
      call: Call,
    ): AsyncGenerator<StreamItem> {
      const turn = await readInput(parts, sessionId, input);
      try {
        await findReadyAgent(parts, turn.agentId);
      } catch (error) {
        const fault = Fault.from(error);
        // The one refusal that Wingman gives in the stream.
        if (fault.detail.metadata?.phase !== "inference") throw error;
        yield toErrorItem(fault, call);
        return;
      }
      yield* translate(runTurn(parts, turns, turn, call), events === "text" ? "text" : "blocks", call);
    },
  };
}

/** Checks in the order of Wingman, so that of two mistakes the same one is told. */
async function readInput(
  { store }: WingmanParts,
  sessionId: string,
  input: MessageInput | undefined,
): Promise<Turn> {
  await findSession(store, sessionId);
  if (!input) throw invalidBody();
  const { message, agentId } = input;
  if (!message) throw new Fault("invalid", "message is required");
  if (!agentId) throw new Fault("invalid", "agent_id is required");
  if (!(await store.agents.get(agentId))) throw missing("agent", agentId);
  return { sessionId, agentId, text: message };
}
