import type { ServiceImpl } from "@connectrpc/connect";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { Fault, notFound } from "../../src/core/fault.js";
import type { AuthMode } from "../../src/server/auth.js";
import { createAuthenticator } from "../../src/server/auth.js";
import { noteFailure } from "../../src/server/call-outcome.js";
import { createConnectMount } from "../../src/server/connect-mount.js";
import { deadlineInterceptor } from "../../src/server/deadline-interceptor.js";
import { createFaultInterceptor } from "../../src/server/fault-interceptor.js";
import { createGuard } from "../../src/server/guard.js";
import type { Mount } from "../../src/server/http-exchange.js";
import { createHttpHandler } from "../../src/server/http-handler.js";
import type { ListenerOptions } from "../../src/server/listener.js";
import { openListener } from "../../src/server/listener.js";
import { createLogger } from "../../src/server/logger.js";
import { replyJson } from "../../src/server/reply.js";
import { restDialect } from "../../src/server/rest-dialect.js";
import { createTranscoder } from "../../src/transcode/transcoder.js";

export const testToken = "a-token-for-tests";

export interface TestServerOptions extends Partial<Omit<ListenerOptions, "handler">> {
  readonly auth?: AuthMode;
  readonly names?: readonly string[];
  readonly draining?: () => boolean;
  readonly shutdownSignal?: AbortSignal;
}

/** What the fake services saw. */
interface Seen {
  calls: number;
  finished: string[];
  produced: number;
}

/** A real listener on a free port with a fake RunService, in REST too, and one plain route, `/v1/echo`. */
export async function openTestServer(options: TestServerOptions = {}) {
  const { auth = "none", host = "127.0.0.1", port = 0, names = [], draining = () => false } = options;
  const seen: Seen = { calls: 0, finished: [], produced: 0 };
  const logLines: string[] = [];
  const log = createLogger({
    level: "debug",
    destination: { write: (line: string) => void logLines.push(line) },
  });
  const interceptors = [createFaultInterceptor(log), deadlineInterceptor];
  const connect = createConnectMount({
    services: [{ service: RunService, implementation: fakeRunService(seen) }],
    interceptors,
    ...(options.shutdownSignal ? { shutdownSignal: options.shutdownSignal } : {}),
  });
  const rest = createTranscoder({
    services: [{ service: RunService, implementation: fakeRunService(seen), dialect: restDialect }],
    interceptors,
    maxBodyBytes: 4 * 1024 * 1024,
    onStreamFailure: ({ code }, request) => noteFailure(request, code),
  });
  const handler = createHttpHandler({
    guard: createGuard({ host, names }),
    authenticate: createAuthenticator({ mode: auth, host, token: testToken }),
    isDraining: draining,
    mounts: [connect, echoMount(seen), rest],
    log,
  });
  const listener = await openListener({ ...options, host, port, handler });
  return { ...listener, seen, logLines, close: (graceMs = 0) => listener.close(graceMs) };
}

export type TestServer = Awaited<ReturnType<typeof openTestServer>>;

function echoMount(seen: Seen): Mount {
  return {
    matches: (pathname) => pathname.startsWith("/v1/echo"),
    handle: (request, response) => {
      seen.calls += 1;
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        replyJson(request, response, { status: 200, body: { text, path: request.url } });
      });
    },
  };
}

/** `run_id` says what to do; see the cases. */
function fakeRunService(seen: Seen): Partial<ServiceImpl<typeof RunService>> {
  return {
    async getRun({ runId }) {
      seen.calls += 1;
      switch (runId) {
        case "missing":
          throw notFound("run", runId);
        case "later":
          throw new Fault("exhausted", "too much", { retryAfterMs: 1500, headSeq: 7 });
        case "boom":
          throw new Error("the secret of the database");
        case "hang":
          return new Promise(() => undefined);
        default:
          return { run: { id: runId } };
      }
    },
    async *watchRun({ runId, after }) {
      seen.calls += 1;
      try {
        if (runId === "fail") {
          yield textEvent(1, "one");
          throw new Fault("busy", "it is busy");
        }
        if (runId === "hang") await new Promise(() => undefined);
        if (runId === "slow") {
          for (let seq = 1; seq <= after; seq += 1) {
            await new Promise((resolve) => setTimeout(resolve, 50));
            yield textEvent(seq, "slow");
          }
        }
        if (runId === "flood") {
          for (let seq = 1; ; seq += 1) {
            seen.produced = seq;
            yield textEvent(seq, "x".repeat(16_000));
          }
        }
        if (runId === "count") {
          for (let seq = 1; seq <= after; seq += 1) {
            if (seq % 100 === 0) await new Promise(setImmediate);
            yield textEvent(seq, `piece ${seq}`);
          }
        }
      } finally {
        seen.finished.push(runId);
      }
    },
  };
}

function textEvent(seq: number, text: string) {
  return {
    event: {
      seq,
      sessionId: "s",
      runId: "r",
      body: { case: "textDelta" as const, value: { index: 0, text } },
    },
  };
}
