import type { ElicitRequest, ElicitResult, RequestId } from "@modelcontextprotocol/sdk/types.js";
import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { Redactor } from "../../core/secrets.js";
import type { ElicitationOutcome, ElicitationQuestion } from "../../core/tool.js";
import { showText, takeStart } from "../show-text.js";
import type { Patience } from "./patience.js";
import { plainObject } from "./plain-json.js";

/** Questions of a server that wait for an answer at a time, and those that it may ask in all in one run. */
const mostWaiting = 4;
const mostAsked = 50;
const longestMessage = 4_000;
const longestUrl = 4_000;
/** UTF-16 units of a form in JSON. */
const longestForm = 64 * 1024;

/** Whoever asks the user. */
export type Ask = (question: ElicitationQuestion) => Promise<ElicitationOutcome>;

/** The questions of one server to the user, in form and URL mode. */
export class ServerQuestions {
  /** What ends the questions with a page, by the ids that the server gave them. */
  readonly #pages = new Map<string, () => void>();
  /** Takes requests of the server back, by their ids. */
  readonly #requests = new Map<RequestId, AbortController>();
  #waiting = 0;
  #asked = 0;

  constructor(
    private readonly patience: Patience,
    private readonly redactor: Redactor,
  ) {}

  /** Another run begins. */
  reset(): void {
    this.#asked = 0;
  }

  /** Asks for the server, until `signal` withdraws the question. @throws McpError for one that cannot be asked. */
  async ask(params: ElicitRequest["params"], ask: Ask, signal: AbortSignal): Promise<ElicitResult> {
    if (this.#waiting >= mostWaiting || this.#asked >= mostAsked)
      throw refusal("there are too many questions");
    this.#waiting += 1;
    this.#asked += 1;
    try {
      const question = { ...this.#read(params), signal };
      return toResult(await this.patience.during(() => ask(question)));
    } finally {
      this.#waiting -= 1;
      if (params.mode === "url") this.#pages.delete(params.elicitationId);
    }
  }

  /** Answers a request of the server, which withdraws its question by taking it back or by breaking off. */
  async answer(
    { params }: ElicitRequest,
    ask: Ask,
    { requestId, signal }: { readonly requestId: RequestId; readonly signal: AbortSignal },
  ): Promise<ElicitResult> {
    const request = new AbortController();
    this.#requests.set(requestId, request);
    try {
      return await this.ask(params, ask, AbortSignal.any([signal, request.signal]));
    } finally {
      this.#requests.delete(requestId);
    }
  }

  /** The server takes a request back. */
  takeBack(requestId: RequestId | undefined): void {
    if (requestId !== undefined) this.#requests.get(requestId)?.abort();
  }

  /** The user has done on a page what was to be done there. */
  complete(elicitationId: string): void {
    this.#pages.get(elicitationId)?.();
  }

  #read(params: ElicitRequest["params"]): ElicitationQuestion {
    const message = showText(takeStart(this.redactor.redact(params.message), longestMessage));
    if (params.mode !== "url") {
      const requestedSchema = plainObject(params.requestedSchema);
      if (!requestedSchema || JSON.stringify(requestedSchema).length > longestForm)
        throw refusal("the form is too large");
      return { message, requestedSchema };
    }
    const { promise: elsewhere, resolve } = Promise.withResolvers<void>();
    this.#pages.set(params.elicitationId, resolve);
    return { message, url: readPage(params.url), elsewhere };
  }
}

function readPage(text: string): string {
  const url = URL.parse(text);
  if (text.length > longestUrl || url === null || !/^https?:$/.test(url.protocol))
    throw refusal("the page is no http or https URL");
  return url.href;
}

function toResult({ action, content }: ElicitationOutcome): ElicitResult {
  switch (action) {
    case "accept":
      // Held against the protocol's own schema by the library.
      return { action, ...(content && { content: content as ElicitResult["content"] }) };
    case "decline":
    case "cancel":
      return { action };
    case "expire":
      return { action: "cancel" };
    default:
      return action satisfies never;
  }
}

const refusal = (why: string): McpError => new McpError(ErrorCode.InvalidParams, why);
