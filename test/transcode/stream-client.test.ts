import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import type { Gateway, GatewayOptions, Implementation } from "./gateway.js";
import { gatewayPool, parseSse } from "./gateway.js";
import type { State } from "./sources.js";
import { delta, flood, idle, pause, stalledHttp1, stalledHttp2, stuck, tracked } from "./sources.js";

const openWith = gatewayPool();
const open = (watch: Implementation[string], options: GatewayOptions = {}): Promise<Gateway> =>
  openWith({ implementation: { watch, downloadChunks: watch }, ...options });

describe("a client that leaves", () => {
  const scenes: [string, (state: State) => Implementation[string]][] = [
    ["an idle source", (state) => tracked(state, (_message, { signal }) => idle(signal))],
    ["a source that never comes back", (state) => tracked(state, () => stuck())],
    ["a source that never waits", (state) => tracked(state, flood)],
    [
      "a source that is slow to begin",
      (state) => async (_message: never, context: HandlerContext) => {
        state.signal = context.signal;
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        return tracked(state, flood)(_message, context);
      },
    ],
  ];
  it.each(scenes.flatMap(([name, watch]) => [false, true].map((http2) => [name, http2, watch] as const)))(
    "releases %s (HTTP/2: %s)",
    async (_name, http2, watch) => {
      const state: State = { returned: false };
      const throughPromise: Interceptor = (next) => (request) => next(request);
      const interceptors = _name === "a source that is slow to begin" ? [throughPromise] : [];
      const gateway = await open(watch(state), { http2, interceptors });
      const leave = http2 ? stalledHttp2(gateway) : stalledHttp1(gateway);
      await expect.poll(() => state.signal).toBeDefined();
      await pause(50);
      leave();
      await expect.poll(() => state.signal?.aborted, { timeout: 5000 }).toBe(true);
      expect(ConnectError.from(state.signal?.reason).code).toBe(Code.Canceled);
      if (_name === "a source that is slow to begin") return;
      await expect.poll(() => state.returned).toBe(true);
      expect(gateway.errors).toEqual([]);
    },
  );
});

describe("a client that does not read", () => {
  it.each([false, true])("stops the source, and nobody else (HTTP/2: %s)", async (http2) => {
    const state: State = { returned: false, produced: 0 };
    const gateway = await open(tracked(state, flood), { http2 });
    const leave = http2 ? stalledHttp2(gateway) : stalledHttp1(gateway);
    let before = -1;
    await expect
      .poll(
        () => {
          const still = before === state.produced && before > 0;
          before = state.produced ?? 0;
          return still;
        },
        { interval: 150, timeout: 20_000 },
      )
      .toBe(true);
    if (!http2) expect((await gateway.fetch("/v1/watch/a", { method: "OPTIONS" })).status).toBe(204);
    leave();
    await expect.poll(() => state.returned).toBe(true);
  });
  it("gets everything when it reads on", async () => {
    const gateway = await open(async function* () {
      for (let seq = 1; seq <= 2000; seq++) yield delta(seq, "x".repeat(8000));
    });
    const reply = await gateway.fetch("/v1/watch/a");
    await pause(200);
    expect(parseSse(await reply.text()).map(({ id }) => id)).toEqual(
      Array.from({ length: 2000 }, (_, i) => String(i + 1)),
    );
  });
  it("is disconnected after a while", async () => {
    const state: State = { returned: false };
    const gateway = await open(tracked(state, flood), { stallMs: 100 });
    stalledHttp1(gateway);
    await expect.poll(() => state.returned, { timeout: 10_000 }).toBe(true);
  });
});

describe("a source that never waits", () => {
  it("does not keep others from being served", async () => {
    const gateway = await open(flood as never);
    const controller = new AbortController();
    const reply = await gateway.fetch("/v1/watch/a", { signal: controller.signal });
    const reading = (async () => {
      for await (const _chunk of reply.body!);
    })().catch(() => undefined);
    for (let i = 0; i < 20; i++)
      expect((await gateway.fetch("/v1/watch/a", { method: "OPTIONS" })).status).toBe(204);
    controller.abort();
    await reading;
  });
});
