import { ApprovalState } from "../../gen/agentry/v1/event_pb.js";
import type { ToolCall } from "../../gen/agentry/v1/message_pb.js";
import type { Session } from "../../gen/agentry/v1/sessions_pb.js";
import type { Decision } from "../core/policy.js";
import type { OfferedTool } from "../core/tool-servers.js";
import { allowsExactly, toRules } from "./rules.js";
import type { RunTools, RunWork } from "./run-loop.js";
import type { ServerSubject } from "./server-subject.js";
import { changedTools, firstUse } from "./server-subject.js";
import type { ServerTrust } from "./server-trust.js";

/** Why a server, or some tools of it, may not be used. `forRun`: nobody is asked again in this run. */
export interface Refusal {
  readonly why: string;
  readonly forRun: boolean;
}

/** Who is asked, and in which session. */
export interface AskingRun {
  readonly run: RunTools;
  readonly work: RunWork;
  readonly trust: ServerTrust;
  readonly session: Session;
  /** Called before somebody is asked, with a sentence that says why. */
  onAsk(why: string): void;
}

/**
 * Whether a server may be used, before anything of it is started or reached. Rules decide first: a rule that denies
 * holds, and only one that names the server lets it in; no approval mode does.
 */
export async function admitServer(
  asking: AskingRun,
  subject: ServerSubject,
  signal: AbortSignal,
): Promise<Refusal | "trusted" | "allowed"> {
  const decision = await decide(asking, subject, signal);
  if (decision.kind === "deny") return { why: decision.why, forRun: false };
  if (decision.kind === "allow") return "allowed";
  if (await asking.trust.find(subject.id)) return "trusted";
  const refused = await ask(asking, firstUse(subject), "It is new, or has changed.", signal);
  if (refused) return refused;
  await asking.trust.approve(subject);
  return "trusted";
}

/** The tools of a server that may be used: as they were at its first use, or have been approved since. */
export async function admitTools(
  asking: AskingRun,
  { subject, offered, wanted }: OfferedSelection,
  refused: Set<string>,
  signal: AbortSignal,
): Promise<readonly OfferedTool[]> {
  const pins = await asking.trust.pinFirst(subject, offered);
  const isPinned = ({ name, sha256 }: OfferedTool): boolean => pins.get(name) === sha256;
  const kept = wanted.filter(isPinned);
  const changed = wanted.filter((tool) => !isPinned(tool));
  if (changed.every(({ sha256 }) => refused.has(sha256))) return kept;
  const refusal = await ask(
    asking,
    changedTools(subject, changed),
    "Some of its tools have changed.",
    signal,
  );
  if (refusal) {
    for (const { sha256 } of changed) refused.add(sha256);
    return kept;
  }
  await asking.trust.pin(subject, changed);
  return wanted;
}

/** What a server offers, and which of it an agent is to be given. */
export interface OfferedSelection {
  readonly subject: ServerSubject;
  readonly offered: readonly OfferedTool[];
  readonly wanted: readonly OfferedTool[];
}

function decide(
  { run, work, session }: AskingRun,
  { id, tool, input }: ServerSubject,
  signal: AbortSignal,
): Promise<Decision> {
  const request = {
    tool,
    readOnly: false,
    input,
    mode: session.approvalMode,
    workDir: session.workDir,
    argumentsSha256: id,
    agentRules: toRules(work.agent.rules),
    sessionRules: toRules(session.rules),
    // As for a call without a sandbox: neither a mode nor a rule on every tool lets it in.
    unconfined: true,
  };
  return run.policy.decide(request, signal);
}

async function ask(
  { run, work, session, onAsk }: AskingRun,
  { call, summary }: { readonly call: ToolCall; readonly summary: string },
  why: string,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  if (allowsExactly(session.rules, call)) return undefined;
  onAsk(why);
  const { state, comment } = await run.approvals.ask(work.writer, call, summary, signal);
  if (state === ApprovalState.APPROVED) return undefined;
  return { why: comment || "The user refused it.", forRun: true };
}
