import type { JsonObject } from "@bufbuild/protobuf";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Progress } from "@modelcontextprotocol/sdk/types.js";
import { ResultSchema, UrlElicitationRequiredError } from "@modelcontextprotocol/sdk/types.js";
import { canceled } from "../../core/fault.js";
import type { Redactor } from "../../core/secrets.js";
import type { ElicitationOutcome, ElicitationQuestion, ToolContext, ToolOutput } from "../../core/tool.js";
import { withEitherSignal } from "../../core/with-either-signal.js";
import { createOutputPieces } from "../output-pieces.js";
import { takeStart } from "../show-text.js";
import type { Patience } from "./patience.js";
import { longestTimerMs } from "./patience.js";
import { isRecord } from "./plain-json.js";
import { plainLine } from "./server-fault.js";
import type { ServerQuestions } from "./server-questions.js";
import { readResult } from "./tool-result.js";

/** A call to make. */
export interface CallRequest {
  readonly client: Client;
  /** As the server spells it. */
  readonly name: string;
  readonly input: JsonObject;
  readonly context: ToolContext;
  /** Milliseconds for the call, without those in which the user is asked something by its server. */
  readonly timeoutMs: number;
  /** Takes secrets out of all that the server says. */
  readonly redactor: Redactor;
}

/** A call under way, through which the server may ask the user. */
export interface OpenCall {
  elicit(question: ElicitationQuestion): Promise<ElicitationOutcome>;
}

/** What the calls of a connection share. */
interface CallDesk {
  readonly calls: Set<OpenCall>;
  readonly questions: ServerQuestions;
  readonly patience: Patience;
}

const mostPages = 3;
const longestProgress = 500;

/**
 * Calls a tool of a server. Where the server first wants the user to visit pages, the user is asked to, and then it
 * is called once more. A call that is canceled or takes too long is taken back. @throws as the client does.
 */
export async function callTool(
  request: CallRequest,
  desk: CallDesk,
  signal: AbortSignal,
): Promise<ToolOutput> {
  const limit = new AbortController();
  const endLimit = desk.patience.limit(request.timeoutMs, () => limit.abort());
  const lost = new AbortController();
  const call = openCall(request.context, lost.signal);
  desk.calls.add(call);
  try {
    return await withEitherSignal([signal, limit.signal], (either) =>
      send(request, either).catch(async (error: unknown) => {
        if (!(error instanceof UrlElicitationRequiredError)) throw error;
        return (
          (await visitPages(error, { questions: desk.questions, call }, either)) ?? send(request, either)
        );
      }),
    );
  } catch (error) {
    lost.abort();
    if (signal.aborted) throw canceled("the run was canceled");
    if (!limit.signal.aborted) throw error;
    return { text: `[timed out after ${request.timeoutMs} ms]`, failed: true, timedOut: true };
  } finally {
    endLimit();
    desk.calls.delete(call);
  }
}

/** Where the call comes to nothing, its questions are withdrawn. */
function openCall(context: ToolContext, lost: AbortSignal): OpenCall {
  return {
    elicit(question) {
      const signal = question.signal ? AbortSignal.any([question.signal, lost]) : lost;
      return context.elicit({ ...question, signal }).catch(() => ({ action: "cancel" }));
    },
  };
}

async function send(request: CallRequest, signal: AbortSignal): Promise<ToolOutput> {
  const { client, name, input, context, redactor } = request;
  const pieces = createOutputPieces((text, stream) => context.onOutput(text, stream));
  const onprogress = (progress: Progress): void =>
    pieces.push(`${showProgress(progress, redactor)}\n`, "stdout");
  const params = { name, arguments: input };
  try {
    const options = { signal, timeout: longestTimerMs, onprogress };
    return readResult(
      await client.request({ method: "tools/call", params }, ResultSchema, options),
      redactor,
    );
  } finally {
    pieces.end();
  }
}

function showProgress({ progress, total, message }: Progress, redactor: Redactor): string {
  const count = total === undefined ? `${progress}` : `${progress}/${total}`;
  return message === undefined ? count : `${count} ${takeStart(redactor.redact(message), longestProgress)}`;
}

/** Undefined when the user has visited all of them. */
async function visitPages(
  { elicitations, message }: UrlElicitationRequiredError,
  { questions, call }: { readonly questions: ServerQuestions; readonly call: OpenCall },
  signal: AbortSignal,
): Promise<ToolOutput | undefined> {
  // The library takes them as they come.
  const pages = Array.isArray(elicitations) ? elicitations.map(readPage) : [];
  if (pages.length === 0 || pages.length > mostPages)
    return { text: `The call failed: ${plainLine(message)}`, failed: true };
  for (const params of pages) {
    if (!params) return { text: "The server asked for a page that is none.", failed: true };
    const { action } = await questions.ask(params, (question) => call.elicit(question), signal);
    if (action !== "accept") return { text: "The user did not do what the server asked for.", failed: true };
  }
  return undefined;
}

function readPage(page: unknown) {
  if (!isRecord(page)) return undefined;
  const { message, url, elicitationId } = page;
  if (typeof message !== "string" || typeof url !== "string" || typeof elicitationId !== "string")
    return undefined;
  return { mode: "url" as const, message, url, elicitationId };
}
