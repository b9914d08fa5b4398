import { DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { canceled } from "../core/fault.js";
import type { DelegateToolDraft } from "./delegate-tool.js";
import { failed } from "./delegate-tool.js";
import { inherit } from "./inherit.js";
import type { RunWork } from "./run-loop.js";

/**
 * `handoff`: another agent takes the conversation over, from the next step on and in the runs that follow. For the
 * rest of this run it works under the rules of the one before as well, so that nobody sheds a rule by handing over;
 * after that the conversation is its own.
 */
export function handoff(work: RunWork): DelegateToolDraft {
  const { agent: from, writer } = work;
  return {
    name: "handoff",
    mode: DelegateMode.HANDOFF,
    description:
      "Hand the conversation over to another agent, which sees all of it and goes on in your place, now and after " +
      "this turn.",
    properties: {},
    required: [],
    summarize: (agent) => `Hand the conversation over to ${agent}`,
    async give(agent, _input, _context, signal) {
      if (signal.aborted) throw canceled("the run was canceled");
      if (work.agent !== from) return failed("The conversation has been handed over already.");
      if (agent.id === from.id) return failed("The conversation is yours already.");
      work.agent = inherit(agent, from);
      writer.run.agentId = agent.id;
      const value = { previousAgentId: from.id, agentId: agent.id, agentName: agent.name };
      writer.append([
        { type: "agent", agentId: agent.id },
        writer.event({ case: "agentChanged", value }),
        writer.state(writer.run.state),
      ]);
      const names = `${JSON.stringify(from.name)} has handed the conversation over to you, ${JSON.stringify(agent.name)}`;
      return { text: `${names}. Go on with what the user asked for.`, failed: false };
    },
  };
}
