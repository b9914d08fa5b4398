import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { afterAll, describe, expect, it } from "vitest";
import { AgentService } from "../../gen/agentry/v1/agents_pb.js";
import { ProviderService } from "../../gen/agentry/v1/providers_pb.js";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { SessionService } from "../../gen/agentry/v1/sessions_pb.js";
import { createTranscoder } from "../../src/transcode/transcoder.js";
import { plainDialect } from "./gateway.js";
import { buildRegistry, serviceOf } from "./library.js";

const folder = mkdtempSync(join(tmpdir(), "gateway-boot-"));
afterAll(() => rmSync(folder, { recursive: true }));

const boot = (...services: DescService[]) =>
  createTranscoder({
    interceptors: [],
    maxBodyBytes: 1024,
    services: services.map((service) => ({ service, implementation: {}, dialect: plainDialect })),
  });

interface Broken {
  readonly name: string;
  readonly rpc?: string;
  readonly rule: string;
  readonly option?: string;
  readonly reason: string;
}

const cases: Broken[] = [
  { name: "a repeated field in a path", rule: 'get: "/{names}"', reason: "repeated" },
  { name: "a map in a path", rule: 'get: "/{labels}"', reason: "map" },
  { name: "a message in a path", rule: 'get: "/{item}"', reason: "message" },
  { name: "an unknown field in a path", rule: 'get: "/{nobody}"', reason: "nobody" },
  { name: "an unknown nested field in a path", rule: 'get: "/{item.nobody}"', reason: "nobody" },
  { name: "a field of a scalar in a path", rule: 'get: "/{name.x}"', reason: "no fields of its own" },
  { name: "an unknown body field", rule: 'post: "/a" body: "nobody"', reason: "nobody" },
  { name: "a nested body field", rule: 'post: "/a" body: "item.name"', reason: "item.name" },
  { name: "an unknown response field", rule: 'get: "/a" response_body: "nobody"', reason: "nobody" },
  { name: "a body of GET", rule: 'get: "/a" body: "*"', reason: "GET cannot have a body" },
  { name: "a bad template", rule: 'get: "/a/"', reason: "empty segment" },
  { name: "a rule without a pattern", rule: 'body: "*"', reason: "no pattern" },
  {
    name: "a custom verb that is none",
    rule: 'custom: { kind: "A B" path: "/a" }',
    reason: "not an HTTP verb",
  },
  {
    name: "nested additional bindings",
    rule: 'get: "/a" additional_bindings: { get: "/b" additional_bindings: { get: "/c" } }',
    reason: "additional",
  },
  {
    name: "two equal bindings",
    rule: 'get: "/a/{name}" additional_bindings: { get: "/a/{other}" }',
    reason: "same verb and path",
  },
  {
    name: "a client stream",
    rpc: "(stream Request) returns (Reply)",
    rule: 'post: "/a" body: "*"',
    reason: "streams its requests",
  },
  {
    name: "a status of failure",
    rule: 'get: "/a"',
    option: "option (transcode.v1.success_status) = 404;",
    reason: "404",
  },
  {
    name: "an unknown stream id",
    rpc: "(Request) returns (stream Reply)",
    rule: 'get: "/a"',
    option: 'option (transcode.v1.stream) = {id: "nobody"};',
    reason: "nobody",
  },
  {
    name: "a text as stream id",
    rpc: "(Request) returns (stream Reply)",
    rule: 'get: "/a"',
    option: 'option (transcode.v1.stream) = {id: "name"};',
    reason: "not an integer",
  },
  {
    name: "an unknown stream event",
    rpc: "(Request) returns (stream Reply)",
    rule: 'get: "/a"',
    option: 'option (transcode.v1.stream) = {event: "name"};',
    reason: "no oneof",
  },
  {
    name: "an unknown resume field",
    rpc: "(Request) returns (stream Reply)",
    rule: 'get: "/a"',
    option: 'option (transcode.v1.stream) = {resume: "nobody"};',
    reason: "nobody",
  },
  {
    name: "a text as resume field",
    rpc: "(Request) returns (stream Reply)",
    rule: 'get: "/a"',
    option: 'option (transcode.v1.stream) = {resume: "name"};',
    reason: "not an integer",
  },
];

/** One service for each case, in one file, so that buf runs once. */
function compileCases(): DescService[] {
  const services = cases.map(
    ({ rpc = "(Request) returns (Reply)", rule, option = "" }, index) =>
      `service S${index} { rpc Call${rpc} { option (google.api.http) = { ${rule} }; ${option} } }`,
  );
  cpSync("proto", join(folder, "proto"), { recursive: true });
  mkdirSync(join(folder, "broken"));
  writeFileSync(
    join(folder, "broken", "broken.proto"),
    `syntax = "proto3"; package broken;
     import "google/api/annotations.proto"; import "transcode/v1/options.proto";
     message Item { string name = 1; }
     message Request { string name = 1; string other = 2; repeated string names = 3; map<string, string> labels = 4; Item item = 5; }
     message Reply { string name = 1; oneof body { string text = 2; } }
     ${services.join("\n")}`,
  );
  const registry = buildRegistry(folder, "proto", "broken");
  return cases.map((_case, index) => serviceOf(registry, `broken.S${index}`));
}

describe("createTranscoder refuses to start with", () => {
  const services = compileCases();
  it.each(cases.map((one, index) => ({ ...one, index })))("$name", ({ index, reason }) => {
    expect(() => boot(services[index]!)).toThrow(`broken.S${index}.Call`);
    expect(() => boot(services[index]!)).toThrow(reason);
  });
  it("one service twice, naming the methods", () => {
    expect(() => boot(AgentService, AgentService)).toThrow(
      "agentry.v1.AgentService.CreateAgent (POST /v1/agents) and agentry.v1.AgentService.CreateAgent (POST /v1/agents)",
    );
  });
});

describe("createTranscoder", () => {
  const transcoder = boot(AgentService, SessionService, ProviderService, RunService);
  it("binds every method of the canonical services", () => {
    const bound = new Set(transcoder.bindings.map(({ method }) => method));
    for (const { methods } of [AgentService, SessionService, ProviderService, RunService]) {
      for (const method of methods) expect(bound).toContain(method);
    }
  });
  it("lists verb, template, body, status and variables", () => {
    const [create] = transcoder.bindings;
    expect(create).toMatchObject({
      verb: "POST",
      template: "/v1/agents",
      body: "agent",
      responseBody: "agent",
      successStatus: 201,
    });
    const update = transcoder.bindings.find(({ verb }) => verb === "PATCH");
    expect(update?.pathParameters).toEqual(["agent.id"]);
  });
  it.each([
    ["/v1/agents", true],
    ["/v1/agents/1", true],
    ["/v1/sessions/1:run", true],
    ["/v1/providers/ollama/models/hf.co/a/b:7b", true],
    ["/v1/agents/", false],
    ["/v1", false],
    ["/", false],
    ["", false],
  ])("matches %s: %s", (path, matched) => {
    expect(transcoder.matches(path)).toBe(matched);
  });
});
