import { create } from "@bufbuild/protobuf";
import type { ModelSettings } from "../../gen/agentry/v1/agents_pb.js";
import type { Usage } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Purpose, Role } from "../../gen/agentry/v1/message_pb.js";
import type { ModelProvider } from "../core/model-provider.js";
import { plainUsage } from "./usage.js";

const instructions =
  "Write a title for the conversation that begins with the user's message: at most eight words, in the " +
  "language of the message, no quotation marks, no full stop. Answer with the title alone.";
const maxCharacters = 100;
const maxInput = 4000;

/** A title and what it cost. */
export interface Title {
  readonly title: string;
  /** Undefined when the answer was cut because it had become too long for a title. */
  readonly usage: Usage | undefined;
}

/** What a title is asked with. */
export interface TitleCall {
  readonly provider: ModelProvider;
  readonly settings: ModelSettings;
  readonly sessionId: string;
  /** The user's first message. */
  readonly text: string;
}

/** Asks a model for a title. Undefined when it gives none. */
export async function askForTitle(call: TitleCall, signal: AbortSignal): Promise<Title | undefined> {
  const { provider, settings, sessionId, text } = call;
  const content = { case: "text", value: text.slice(0, maxInput).toWellFormed() } as const;
  const request = {
    model: settings.name,
    system: instructions,
    messages: [create(MessageSchema, { role: Role.USER, parts: [{ content }] })],
    tools: [],
    maxTokens: 64,
    baseUrl: settings.baseUrl,
    purpose: Purpose.TITLE,
    sessionId,
  };
  let answer = "";
  let usage: Usage | undefined;
  for await (const event of provider.stream(request, signal)) {
    if (event.type === "text_delta") answer += event.text;
    if (event.type === "finish") usage = plainUsage(event.usage);
    if (answer.length > maxCharacters) break;
  }
  const title = tidy(answer);
  return title ? { title, usage } : undefined;
}

/** One line, without quotation marks around it. */
function tidy(answer: string): string {
  const line = answer.trim().split(/[\r\n]/, 1)[0] ?? "";
  return line
    .replace(/[\p{Cc}]/gu, "")
    .replace(/^["'“«]+|["'”»]+$/g, "")
    .slice(0, maxCharacters)
    .toWellFormed()
    .trim();
}
