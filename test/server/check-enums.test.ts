import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AgentSchema } from "../../gen/agentry/v1/agents_pb.js";
import { RunRequestSchema } from "../../gen/agentry/v1/run_pb.js";
import { UpdateSessionRequestSchema } from "../../gen/agentry/v1/sessions_pb.js";
import { checkEnums, hasEnums } from "../../src/server/check-enums.js";
import type { TestServer } from "./test-server.js";
import { openTestServer } from "./test-server.js";

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
});
afterAll(() => server.close());

function enveloped(json: string): Buffer {
  const envelope = Buffer.alloc(5);
  envelope.writeUInt32BE(Buffer.byteLength(json), 1);
  return Buffer.concat([envelope, Buffer.from(json)]);
}

async function send(path: string, type: string, body: string | Buffer): Promise<string> {
  const headers = { "content-type": type };
  const reply = await fetch(server.url + path, { method: "POST", headers, body: Buffer.from(body) });
  return reply.text();
}

const start = "/agentry.v1.RunService/StartRun";
const run = "/agentry.v1.RunService/Run";
const ways: readonly (readonly [name: string, send: (body: object) => Promise<string>])[] = [
  ["Connect", (body) => send(start, "application/json", JSON.stringify(body))],
  ["a Connect stream", (body) => send(run, "application/connect+json", enveloped(JSON.stringify(body)))],
  ["gRPC-Web", (body) => send(start, "application/grpc-web+json", enveloped(JSON.stringify(body)))],
  ["REST", (body) => send("/v1/sessions/s/runs", "application/json", JSON.stringify(body))],
];
const expected = /WHEN_BUSY_QUEUE/;

describe.each(ways)("a JSON request over %s", (name, call) => {
  it.each(["whenBusy", "when_busy"])(
    "is refused for a name that the enum of %s does not have",
    async (field) => {
      const text = await call({ [field]: "WHEN_BUSY_TYPO" });
      expect(text).toMatch(/invalid_argument|grpc-status: 3/);
      expect(decodeURIComponent(text)).toMatch(expected);
      expect(text).not.toContain("TYPO");
      if (name !== "REST") expect(text).toMatch(/when_busy/);
    },
  );

  it.each(["WHEN_BUSY_QUEUE", 2, null])("may say %j", async (whenBusy) => {
    // Which nobody has implemented here.
    expect(await call({ whenBusy })).toMatch(/unimplemented|grpc-status: 12/);
  });
});

it("a JSON request over RPC may have members that are unknown", async () => {
  const text = await send(start, "application/json", '{"unknown":"WHEN_BUSY_TYPO"}');
  expect(JSON.parse(text)).toMatchObject({ code: "unimplemented" });
});

it("a Connect GET is held to the enums as well", async () => {
  const query = new URLSearchParams({ encoding: "json", message: '{"state":"PENDING"}' });
  const reply = await fetch(`${server.url}/agentry.v1.RunService/ListApprovals?${query}`);
  expect(await reply.json()).toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(/^state .*APPROVAL_STATE_PENDING/),
  });
});

describe("checkEnums", () => {
  it.each([
    [
      UpdateSessionRequestSchema,
      { session: { approvalMode: "APPROVAL_MODE_NEVER" } },
      "session.approval_mode",
    ],
    [AgentSchema, { rules: [{ effect: "RULE_EFFECT_DENY" }, { effect: "DENY" }] }, "rules[1].effect"],
    [AgentSchema, { rules: [{ effect: "" }] }, "rules[0].effect"],
  ])("of %s names the field of %j", (desc, value, path) => {
    expect(() => checkEnums(desc, value)).toThrow(`${path} has a name that is unknown; expected `);
  });

  it.each([
    [null],
    ["RULE"],
    [{ rules: "RULE" }],
    [{ rules: [null, 1, "x"] }],
    [{ rules: [{ effect: { effect: "x" } }] }],
    [{ __proto__: "x", constructor: "x" }],
    [{ unknown: { effect: "x" } }],
  ])("leaves %j to the library", (value) => {
    checkEnums(AgentSchema, value);
  });

  it("is wanted for messages with enums alone", () => {
    expect(hasEnums(RunRequestSchema)).toBe(true);
    const [getRun] = AgentSchema.file.messages.filter(({ name }) => name === "GetAgentRequest");
    expect(getRun && hasEnums(getRun)).toBe(false);
  });
});
