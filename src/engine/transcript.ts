import type { Message, Part } from "../../gen/agentry/v1/message_pb.js";
import { Role } from "../../gen/agentry/v1/message_pb.js";

/** Of longer outputs and arguments the beginning and the end are shown, so many UTF-16 code units in all. */
const maxToolText = 4000;

/** Messages as text for a model that has to read but not to continue them. Reasoning is left out, images are named. */
export function toTranscript(messages: readonly Message[]): string {
  return messages.flatMap(({ role, parts }) => parts.flatMap((part) => toEntry(role, part))).join("\n\n");
}

function toEntry(role: Role, { content }: Part): string[] {
  switch (content.case) {
    case "text":
      return [`${role === Role.ASSISTANT ? "Assistant" : "User"}: ${content.value}`];
    case "blob":
      return [`User: [${content.value.mediaType}${content.value.name && ` ${content.value.name}`}]`];
    case "toolCall": {
      const { name, arguments: input, invalidArguments } = content.value;
      return [`Tool call: ${name} ${shorten(invalidArguments || JSON.stringify(input ?? {}))}`];
    }
    case "toolResult":
      return [`Result of ${content.value.name}: ${shorten(content.value.output)}`];
    case "reasoning":
    case undefined:
      return [];
    default:
      return content satisfies never;
  }
}

function shorten(text: string): string {
  if (text.length <= maxToolText) return text;
  const half = maxToolText / 2;
  const left = text.length - maxToolText;
  return `${text.slice(0, half)}\n[${left} characters left out]\n${text.slice(-half)}`;
}
