import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { negotiateStream } from "./accept.js";
import type { Call, CallHandler, HandlerOptions } from "./call.js";
import { fail, openContext } from "./call.js";
import type { CallContext } from "./call-context.js";
import { badRequest, HttpError } from "./http-error.js";
import { headerValue } from "./http-exchange.js";
import type { InvokeStream } from "./invocation.js";
import type { JsonEncoder } from "./json-encoder.js";
import { asFields } from "./message-field.js";
import type { Parameter } from "./parameter.js";
import { setParameter } from "./parameter.js";
import type { RequestBinding } from "./request-binding.js";
import { readStreamRules } from "./sse-frame.js";
import { createStreamOutputs } from "./stream-output.js";
import type { StreamSessionOptions } from "./stream-session.js";
import { StreamSession } from "./stream-session.js";

/** What the handler of a server stream works with. */
export interface StreamHandlerOptions extends HandlerOptions {
  readonly bind: RequestBinding;
  readonly invoke: InvokeStream;
  readonly encoder: JsonEncoder;
  readonly heartbeatMs: number;
  readonly stallMs: number;
}

/** Serves a server stream as server-sent events or as lines of JSON. Throws where its stream option leads nowhere. */
export function createStreamHandler(options: StreamHandlerOptions): CallHandler {
  const rules = readStreamRules(options.binding.method);
  const session: StreamSessionOptions = {
    ...options,
    outputs: createStreamOutputs(options.binding, rules, options),
  };
  const begin = (call: Call, context: CallContext, message: Message): void => {
    const format = negotiateStream(headerValue(call.request.headers, "accept"));
    if (!format) {
      throw new HttpError(406, Code.InvalidArgument, "a stream is text/event-stream or application/x-ndjson");
    }
    const lastEventId = headerValue(call.request.headers, "last-event-id") ?? "";
    // Over what the query says: an EventSource comes back to the address it began with, and adds where it was.
    if (rules.resume && lastEventId !== "") {
      const position = parsePosition(rules.resume, lastEventId);
      setParameter(asFields(message), rules.resume, position);
    }
    const stream = new StreamSession(session, { call, context, format, resumed: lastEventId !== "" });
    try {
      stream.run(options.invoke(message, context));
    } catch (error) {
      stream.onFailure(error);
    }
  };
  return (call) => {
    const failed = (thrown: unknown): void => fail(options, call, thrown);
    try {
      const context = openContext(options, call);
      const bound = options.bind(call);
      if (bound instanceof Promise) bound.then((value) => begin(call, context, value)).catch(failed);
      else begin(call, context, bound);
    } catch (error) {
      failed(error);
    }
  };
}

function parsePosition(resume: Parameter, text: string): unknown {
  if (/^(0|[1-9]\d{0,9})$/.test(text) && Number(text) <= 4_294_967_295) return resume.parse(text);
  throw badRequest("Last-Event-ID must be the id of an event");
}
