import type { DescMethod } from "@bufbuild/protobuf";
import type { Call, CallHandler, HandlerOptions } from "./call.js";
import { fail, openContext, watchDeadline } from "./call.js";
import type { CallContext } from "./call-context.js";
import { isHttpBody, toRawBody } from "./http-body.js";
import type { InvokeUnary } from "./invocation.js";
import type { JsonEncoder } from "./json-encoder.js";
import { asFields, readField } from "./message-field.js";
import type { UnaryReply } from "./reply.js";
import { sendReply } from "./reply.js";
import type { RequestBinding } from "./request-binding.js";
import type { CompiledBinding } from "./rules.js";

/** What the handler of a unary method works with. */
export interface UnaryHandlerOptions extends HandlerOptions {
  readonly bind: RequestBinding;
  readonly invoke: InvokeUnary;
  readonly encoder: JsonEncoder;
}

type Body = Pick<UnaryReply, "contentType" | "body">;

/** Serves a unary method: one message in, one JSON document out. */
export function createUnaryHandler(options: UnaryHandlerOptions): CallHandler {
  const { binding } = options;
  const toBody = createBodyPrinter(binding, options.encoder);
  const answer = async (call: Call, context: CallContext): Promise<void> => {
    const bound = options.bind(call);
    const message = bound instanceof Promise ? await bound : bound;
    const body = toBody(await options.invoke(message, context));
    const headers = context.touchedResponseHeader;
    await sendReply(call, { ...body, status: binding.successStatus, headers });
  };
  return (call) => {
    let deadline: NodeJS.Timeout | undefined;
    const failed = (thrown: unknown): void => {
      clearTimeout(deadline);
      fail(options, call, thrown);
    };
    try {
      const context = openContext(options, call);
      deadline = watchDeadline(context, failed);
      answer(call, context).then(() => clearTimeout(deadline), failed);
    } catch (error) {
      failed(error);
    }
  };
}

function createBodyPrinter(binding: CompiledBinding, encoder: JsonEncoder): (message: unknown) => Body {
  const { responseField: field } = binding;
  const { output }: DescMethod = binding.method;
  const raw = field ? field.fieldKind === "message" && isHttpBody(field.message) : isHttpBody(output);
  if (raw) {
    return (message) => {
      const { contentType, data } = toRawBody(field ? readField(asFields(message), field) : message);
      return { contentType, body: data };
    };
  }
  const print = field ? encoder.field(field) : encoder.message(output);
  return (message) => ({
    contentType: "application/json",
    body: print(field ? readField(asFields(message), field) : message),
  });
}
