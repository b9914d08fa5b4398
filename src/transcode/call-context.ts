import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ContextValues, HandlerContext } from "@connectrpc/connect";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type { HttpRequest, HttpResponse } from "./http-exchange.js";
import { isGone } from "./http-exchange.js";

/** What the context of a call is made of. */
export interface CallContextInit {
  readonly method: DescMethod;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly timeoutMs: number | undefined;
  readonly createValues: ((request: HttpRequest) => ContextValues) | undefined;
}

/**
 * The context of one call, as Connect hands it to a service. What costs something is made when it is first
 * asked for: most calls never look at their signal or headers. The signal aborts when the client leaves and
 * when the deadline passes, not when the call ends well.
 */
export class CallContext implements HandlerContext {
  readonly protocolName = "rest";
  readonly method: DescMethod;
  readonly service: DescService;
  readonly requestMethod: string;
  /** Absent for a call without a deadline. */
  readonly deadline: number | undefined;
  private controller: AbortController | undefined;
  private reason: ConnectError | undefined;
  private lazyRequestHeader: Headers | undefined;
  private lazyResponseHeader: Headers | undefined;
  private lazyResponseTrailer: Headers | undefined;
  private lazyValues: ContextValues | undefined;

  constructor(private readonly init: CallContextInit) {
    this.method = init.method;
    this.service = init.method.parent;
    this.requestMethod = init.request.method ?? "";
    this.deadline = init.timeoutMs === undefined ? undefined : Date.now() + init.timeoutMs;
  }

  readonly timeoutMs = (): number | undefined =>
    this.deadline === undefined ? undefined : this.deadline - Date.now();

  get url(): string {
    const { request } = this.init;
    const authority = request.headers[":authority"] ?? request.headers.host ?? "localhost";
    return `http://${authority}${request.url ?? "/"}`;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.reason) this.controller.abort(this.reason);
      else this.watchClient();
    }
    return this.controller.signal;
  }

  get requestHeader(): Headers {
    this.lazyRequestHeader ??= toHeaders(this.init.request);
    return this.lazyRequestHeader;
  }

  get responseHeader(): Headers {
    this.lazyResponseHeader ??= new Headers();
    return this.lazyResponseHeader;
  }

  get responseTrailer(): Headers {
    this.lazyResponseTrailer ??= new Headers();
    return this.lazyResponseTrailer;
  }

  get values(): ContextValues {
    this.lazyValues ??= this.init.createValues?.(this.init.request) ?? createContextValues();
    return this.lazyValues;
  }

  /** The response headers, where somebody has asked for them. */
  get touchedResponseHeader(): Headers | undefined {
    return this.lazyResponseHeader;
  }

  /** Aborts the signal, now or when it is first asked for. Only the first reason counts. */
  abort(reason: ConnectError): void {
    if (this.reason) return;
    this.reason = reason;
    this.controller?.abort(reason);
  }

  private watchClient(): void {
    const { response } = this.init;
    const onClose = (): void => {
      if (!response.writableEnded) this.abort(clientLeft());
    };
    if (isGone(response)) onClose();
    else response.on("close", onClose);
  }
}

/** The reason of a signal whose client has closed its connection. */
export const clientLeft = (): ConnectError => new ConnectError("the client left", Code.Canceled);

function toHeaders(request: HttpRequest): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      try {
        headers.append(name, item);
      } catch {
        // Node accepts some values that Headers refuses; no service can want them.
      }
    }
  }
  return headers;
}
