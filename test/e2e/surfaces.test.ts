import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { beforeAll, describe, expect, it } from "vitest";
import { AgentService } from "../../gen/agentry/v1/agents_pb.js";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { SessionService } from "../../gen/agentry/v1/sessions_pb.js";
import type { Place } from "./place.js";
import { openPlace } from "./place.js";

let place: Place;
let session: string;
beforeAll(async () => {
  place = await openPlace();
  session = await place.session();
  place.upstream.answer({ end: "silent" });
  await place.start(session, "go");
});

type Transport = ReturnType<typeof createConnectTransport>;
const transports: Record<string, (baseUrl: string) => Transport> = {
  "Connect with JSON": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect with binary": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
};

const drain = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of stream);
};

/** The same call by REST and by a client: what is wrong with it, and what status and code say so. */
const cases: readonly {
  name: string;
  rest: () => [method: string, path: string, body?: object];
  call: (transport: Transport) => Promise<unknown>;
  status: number;
  code: Code;
}[] = [
  {
    name: "what is not there",
    rest: () => ["GET", "/v1/sessions/none"],
    call: (transport) => createClient(SessionService, transport).getSession({ sessionId: "none" }),
    status: 404,
    code: Code.NotFound,
  },
  {
    name: "what makes no sense",
    rest: () => ["POST", "/v1/agents", { name: "x", model: { provider: "", name: "" } }],
    call: (transport) =>
      createClient(AgentService, transport).createAgent({ agent: { name: "x", model: {} } }),
    status: 400,
    code: Code.InvalidArgument,
  },
  {
    name: "a position ahead",
    rest: () => ["GET", `/v1/sessions/${session}/events?after=99999`],
    call: (transport) =>
      drain(createClient(RunService, transport).watchSession({ sessionId: session, after: 99_999 })),
    status: 400,
    code: Code.OutOfRange,
  },
  {
    name: "an approval that is not there",
    rest: () => ["POST", "/v1/approvals/none:resolve", { verdict: "VERDICT_APPROVE" }],
    call: (transport) =>
      createClient(RunService, transport).resolveApproval({ approvalId: "none", verdict: 1 }),
    status: 404,
    code: Code.NotFound,
  },
  {
    name: "a session that is busy",
    rest: () => [
      "POST",
      `/v1/sessions/${session}/runs`,
      { input: { text: "go" }, when_busy: "WHEN_BUSY_REFUSE" },
    ],
    call: (transport) =>
      createClient(RunService, transport).startRun({
        sessionId: session,
        input: { text: "go" },
        whenBusy: 1,
      }),
    status: 409,
    code: Code.Aborted,
  },
];

describe.each(cases)("$name", ({ rest, call, status, code }) => {
  it("is the same fault by REST and over every protocol", async () => {
    const [method, path, body] = rest();
    const accept = { accept: path.includes("events") ? "text/event-stream" : "application/json" };
    const answer = await place.call(method, path, body, accept);
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    for (const [name, open] of Object.entries(transports)) {
      const error = ConnectError.from(await call(open(place.server.url)).catch((reason: unknown) => reason));
      expect([name, error.code, error.rawMessage]).toEqual([name, code, answer.body.message]);
    }
  });
});

it("what one surface makes, all others show alike", async () => {
  const made = (await place.call("GET", `/v1/sessions/${session}`)).body;
  for (const open of Object.values(transports)) {
    const { session: seen } = await createClient(SessionService, open(place.server.url)).getSession({
      sessionId: session,
    });
    expect([seen?.id, seen?.title, seen?.activeRunId]).toEqual([made.id, made.title, made.active_run_id]);
  }
});
