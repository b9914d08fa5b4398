import { connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";
import type { HandlerContext } from "@connectrpc/connect";
import type { Gateway, Implementation } from "./gateway.js";

export interface WatchRequest {
  readonly scene: string;
  readonly after: number;
  readonly count: number;
}
export const delta = (seq: number, text = "hi") => ({
  event: { seq, body: { case: "textDelta" as const, value: { text } } },
});
export async function* count(request: WatchRequest) {
  for (let seq = request.after + 1; seq <= request.count; seq++) yield delta(seq);
}
export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export const never = () => new Promise<never>(() => undefined);
export const lineFeeds = "a\nb\r\nid: 9\r\n\r\nevent: forged\ndata: {}\n\n\u2028\0";

export interface State {
  returned: boolean;
  signal?: AbortSignal;
  produced?: number;
}

/** A source whose end can be seen: its `return` was called, or it came to its end. */
export function tracked(
  state: State,
  source: (message: never, context: HandlerContext) => AsyncIterable<unknown>,
): Implementation[string] {
  return (message, context) => {
    state.signal = context.signal;
    const iterator = source(message, context)[Symbol.asyncIterator]();
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          state.produced = (state.produced ?? 0) + 1;
          return iterator.next();
        },
        return: () => {
          state.returned = true;
          return iterator.return?.();
        },
      }),
    };
  };
}

export async function* idle(signal: AbortSignal) {
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  yield* [] as unknown[];
}

export async function* stuck() {
  await never();
  yield* [] as unknown[];
}

export async function* flood() {
  for (let seq = 1; ; seq++) yield delta(seq, "x".repeat(1000));
}

/** Asks for a stream and never reads. Returns how to leave. */
export function stalledHttp1(gateway: Gateway): () => void {
  const socket = connect(gateway.port, "127.0.0.1", () => {
    socket.write("GET /v1/watch/a HTTP/1.1\r\nHost: a\r\n\r\n");
    socket.pause();
  });
  socket.on("error", () => undefined);
  return () => socket.destroy();
}

export function stalledHttp2(gateway: Gateway): () => void {
  const session = connectHttp2(gateway.url);
  session.on("error", () => undefined);
  const stream = session.request({ ":path": "/v1/watch/a" });
  stream.on("error", () => undefined);
  return () => {
    stream.close(constants.NGHTTP2_CANCEL);
    session.close();
  };
}
