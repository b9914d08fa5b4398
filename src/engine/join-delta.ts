import type { Event } from "../../gen/agentry/v1/event_pb.js";

/** A piece of what a model says: of a text, of a reasoning, of the arguments of a tool call. */
export type Delta =
  | { case: "textDelta" | "reasoningDelta"; value: { index: number; text: string } }
  | { case: "toolInputDelta"; value: { index: number; toolCallId: string; json: string } };

/** UTF-16 units from which a delta takes no more. */
const longestDelta = 1024;

/**
 * Lengthens an event that nobody has seen by a delta that goes on where it ends. False, with nothing
 * changed, for an event that is no such delta, and for one that is long enough.
 */
export function joinDelta({ body }: Event, delta: Delta): boolean {
  if (body.case === "toolInputDelta") {
    const { value } = body;
    if (delta.case !== body.case || delta.value.index !== value.index) return false;
    if (value.json.length >= longestDelta) return false;
    value.json += delta.value.json;
    return true;
  }
  if (body.case !== "textDelta" && body.case !== "reasoningDelta") return false;
  const { value } = body;
  if (delta.case !== body.case || delta.value.index !== value.index) return false;
  if (value.text.length >= longestDelta) return false;
  value.text += delta.value.text;
  return true;
}

/** What a delta adds. */
export function textOf(delta: Delta): string {
  return delta.case === "toolInputDelta" ? delta.value.json : delta.value.text;
}
