import { Purpose } from "../../../gen/agentry/v1/message_pb.js";
import { oneLine } from "../scrub.js";
import type { Interaction } from "./cassette-file.js";
import type { RequestDescription } from "./describe.js";
import { describeRequest } from "./describe.js";

/** A recorded exchange and what its request was. */
export interface Recorded {
  readonly interaction: Interaction;
  readonly description: RequestDescription;
}

/** How loosely requests are matched: `sequence` lets the next unused exchange of the API answer. */
export type MatchMode = "request" | "sequence";

/** An interaction of a cassette with the description of its request, by which it is found. */
export function describeInteraction(interaction: Interaction): Recorded {
  const { method, url, requestBody: body, purpose } = interaction;
  return { interaction, description: describeRequest({ method, url, body, purpose }) };
}

/**
 * The exchange that answers a request, among those that are still unused: of the same API and purpose, the
 * first that is equal, else the first with the same model and conversation, else the first with the same
 * last text of the user and as many tool results. A title or a summary is asked for in words of each
 * program's own, so there the next one will do.
 */
export function findMatch(
  unused: readonly Recorded[],
  live: RequestDescription,
  mode: MatchMode,
): Recorded | undefined {
  const candidates = unused.filter(({ description }) => isComparable(description, live));
  const first = (matches: (recorded: RequestDescription) => boolean) =>
    candidates.find(({ description }) => matches(description));
  const loose = mode === "sequence" || live.purpose !== Purpose.STEP;
  return (
    first((recorded) => recorded.exact === live.exact) ??
    first((recorded) => recorded.model === live.model && sameItems(recorded, live)) ??
    first((recorded) => recorded.userText === live.userText && recorded.toolResults === live.toolResults) ??
    (loose ? candidates[0] : undefined)
  );
}

/** Why nothing matched, in a sentence: what was asked, and how the closest exchange differs. */
export function explainMiss(
  all: readonly Recorded[],
  unused: readonly Recorded[],
  live: RequestDescription,
): string {
  const asked =
    `the cassette has no answer for this ${purposeWord(live)} request: ${live.api}, ` +
    `model ${JSON.stringify(oneLine(live.model, 80))}, last user text ${quote(live.userText)}, ` +
    `${live.toolResults} tool results`;
  if (findMatch(all, live, "request")) return `${asked}; the exchange that fits was used in this session`;
  const closest = nearest(unused, live) ?? nearest(all, live);
  return closest
    ? `${asked}; the closest, no. ${closest.interaction.id}, ${difference(closest, live)}`
    : asked;
}

function nearest(recorded: readonly Recorded[], live: RequestDescription): Recorded | undefined {
  const score = ({ description }: Recorded) =>
    (description.api === live.api ? 8 : 0) +
    (description.purpose === live.purpose ? 4 : 0) +
    (description.userText === live.userText ? 2 : 0) +
    (description.toolResults === live.toolResults ? 1 : 0);
  return recorded.toSorted((a, b) => score(b) - score(a))[0];
}

function difference({ description }: Recorded, live: RequestDescription): string {
  if (description.api !== live.api) return `is for ${description.api}`;
  if (description.purpose !== live.purpose) return `is a ${purposeWord(description)} request`;
  if (description.userText !== live.userText) return `has the user text ${quote(description.userText)}`;
  return `has ${description.toolResults} tool results`;
}

function isComparable(recorded: RequestDescription, live: RequestDescription): boolean {
  return recorded.api === live.api && recorded.purpose === live.purpose;
}

function sameItems(a: RequestDescription, b: RequestDescription): boolean {
  return (
    a.items.length === b.items.length &&
    a.items.every((item, i) => item.kind === b.items[i]?.kind && item.text === b.items[i]?.text)
  );
}

function purposeWord({ purpose }: RequestDescription): string {
  if (purpose === Purpose.TITLE) return "title";
  return purpose === Purpose.COMPACTION ? "compaction" : "step";
}

function quote(text: string): string {
  return JSON.stringify(oneLine(text, 120));
}
