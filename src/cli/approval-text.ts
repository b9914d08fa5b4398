import type { Approval } from "../../gen/agentry/v1/event_pb.js";
import { markedLines, oneLine } from "./terminal-text.js";

/**
 * What a person at a terminal decides on: the tool, the agent of a child session, and all of the summary, line by
 * line. Each line is marked, so that none of them passes for the question that follows.
 */
export function approvalText({ toolCall, summary }: Approval, agentName?: string): string {
  const whose = agentName === undefined ? "" : `[${oneLine(agentName, 40)}] `;
  return `? ${whose}${oneLine(toolCall?.name ?? "")}\n${markedLines(summary)}`;
}
