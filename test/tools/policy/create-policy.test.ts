import { describe, expect, it } from "vitest";
import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import type { PolicyRequest, Rule, RuleEffect } from "../../../src/core/policy.js";
import { makePolicyPlace, rulesOn } from "./place.js";

const { decide, policy, workDir } = makePolicyPlace();
const { ASK, AUTO, READ_ONLY, UNSPECIFIED } = ApprovalMode;
const rule = (effect: RuleEffect, tool = "write"): Rule => ({ effect, tool });

describe("without a rule the mode decides", () => {
  it.each([
    [ASK, true, "allow"],
    [ASK, false, "ask"],
    [UNSPECIFIED, true, "allow"],
    [UNSPECIFIED, false, "ask"],
    [99 as ApprovalMode, false, "ask"],
    [AUTO, true, "allow"],
    [AUTO, false, "allow"],
    [READ_ONLY, true, "allow"],
    [READ_ONLY, false, "deny"],
  ] as const)("mode %d, read-only %j: %s", async (mode, readOnly, kind) => {
    expect(await decide({ tool: "write", mode, readOnly })).toMatchObject({ kind });
  });
});

describe("the table of rules", () => {
  const cases: [
    agent: RuleEffect[],
    session: RuleEffect[],
    mode: ApprovalMode,
    kind: RuleEffect,
    by: RegExp,
  ][] = [
    [["deny"], ["allow"], AUTO, "deny", /agent's rule deny write/],
    [["allow", "deny"], [], AUTO, "deny", /agent/],
    [["deny"], ["deny"], AUTO, "deny", /agent/],
    [["allow"], ["deny"], AUTO, "deny", /session's rule deny write/],
    [["ask"], ["deny"], AUTO, "deny", /session/],
    [["ask"], ["allow"], AUTO, "ask", /agent's rule ask/],
    [["allow"], ["ask"], AUTO, "ask", /session's rule ask/],
    [["allow", "ask"], [], ASK, "ask", /agent/],
    [[], ["allow"], ASK, "allow", /session's rule allow/],
    [["allow"], [], ASK, "allow", /agent's rule allow/],
    [["allow"], ["allow"], ASK, "allow", /session/],
    [["allow"], ["allow"], READ_ONLY, "deny", /read-only/],
    [["ask"], [], READ_ONLY, "deny", /read-only/],
  ];
  it.each(cases)("agent %j, session %j, mode %d: %s", async (agent, session, mode, kind, by) => {
    const decision = await decide({
      tool: "write",
      mode,
      agentRules: agent.map((effect) => rule(effect)),
      sessionRules: session.map((effect) => rule(effect)),
    });
    expect(decision).toEqual({ kind, why: expect.stringMatching(by) });
  });

  it.each([
    ["github_*", "github_create", true],
    ["github_*", "github_", true],
    ["github_*", "githu", false],
    ["github_*", "git_hub_x", false],
    ["github_*", "GitHub_x", false],
    ["mcp:*", "mcp:github", true],
  ])("a rule on %s is about %s: %j", async (tool, name, about) => {
    const kinds = await Promise.all(
      (["deny", "allow"] as const).map((effect) =>
        decide({ tool: name, sessionRules: [rule(effect, tool)] }),
      ),
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(about ? ["deny", "allow"] : ["ask", "ask"]);
  });

  it.each(["*", "wri*", "write*"])("no rule on %s lets an unconfined call run", async (tool) => {
    const request = { tool: "write", unconfined: true, mode: AUTO };
    expect(await decide({ ...request, sessionRules: [rule("allow", tool)] })).toMatchObject({ kind: "ask" });
    expect(await decide({ ...request, agentRules: [rule("allow", "write")] })).toMatchObject({
      kind: "allow",
    });
  });

  it("refuses a star elsewhere, and a pattern for many tools", () => {
    for (const tool of ["a*b", "*a", "**"])
      expect(() => policy.check([rule("deny", tool)])).toThrow("no tool");
    expect(() => policy.check([{ ...rule("deny", "a*"), pattern: "b=c" }])).toThrow("one tool");
  });

  it("holds for every tool with *, and for no other tool without", async () => {
    expect(await decide({ tool: "anything", sessionRules: [rule("allow", "*")] })).toMatchObject({
      kind: "allow",
    });
    expect(await decide({ tool: "anything", sessionRules: [rule("allow")] })).toMatchObject({ kind: "ask" });
    const both = [rule("allow", "*"), ...rulesOn("bash", "deny", "rm")];
    expect(await decide({ input: { command: "ls" }, sessionRules: both })).toMatchObject({ kind: "allow" });
    expect(await decide({ input: { command: "ls; rm x" }, sessionRules: both })).toMatchObject({
      kind: "deny",
    });
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty", ""])(
    "knows no tool %j",
    async (tool) => {
      const rules = [...rulesOn("bash", "allow", "ls"), rule("allow", "write")];
      expect(await decide({ tool, input: { command: "ls" }, agentRules: rules })).toMatchObject({
        kind: "ask",
      });
    },
  );

  it("denies when a rule cannot be read", async () => {
    const sessionRules = [...rulesOn("bash", "allow", "ls"), ...rulesOn("read", "deny", "../x")];
    expect(await decide({ input: { command: "ls" }, sessionRules })).toMatchObject({ kind: "deny" });
  });

  it.each([{}, { command: 1 }, { command: null }, { command: ["ls"] }, { __proto__: { command: "ls" } }])(
    "allows no command that is no text: %j",
    async (input) => {
      const allow = rulesOn("bash", "allow", "ls");
      expect(await decide({ input: input as PolicyRequest["input"], sessionRules: allow })).toMatchObject({
        kind: "ask",
      });
      const sessionRules = [...allow, ...rulesOn("bash", "deny", "rm")];
      expect(await decide({ input: input as PolicyRequest["input"], sessionRules })).toMatchObject({
        kind: "deny",
      });
    },
  );

  it("knows one call by the hash of its arguments", async () => {
    const sessionRules = rulesOn("bash", "allow", `sha256:${"a".repeat(64)}`);
    const input = { command: "ls && ls" };
    expect(await decide({ input, sessionRules, argumentsSha256: "a".repeat(64) })).toMatchObject({
      kind: "allow",
    });
    expect(await decide({ input, sessionRules, argumentsSha256: "b".repeat(64) })).toMatchObject({
      kind: "ask",
    });
    expect(await decide({ input, sessionRules })).toMatchObject({ kind: "ask" });
  });

  it("ends with the signal", async () => {
    const request = { tool: "bash", readOnly: false, input: { command: "ls" }, mode: ASK, workDir };
    const rules = { agentRules: rulesOn("bash", "allow", "ls"), sessionRules: [] };
    const reason = new Error("gone");
    await expect(policy.decide({ ...request, ...rules }, AbortSignal.abort(reason))).rejects.toBe(reason);
    const leaving = new AbortController();
    const waiting = policy.decide({ ...request, ...rules }, leaving.signal);
    leaving.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});

describe("paths of file tools", () => {
  it.each([
    ["write", "src/**", "src/a.ts", "allow"],
    ["write", "src/**", "src/new/b.ts", "allow"],
    ["write", "src/*", "src/new/b.ts", "ask"],
    ["write", "**/*.ts", "src/a.ts", "allow"],
    ["write", "**/*.ts", "b.ts", "allow"],
    ["write", "src/**", "./src/a.ts", "allow"],
    ["write", "src/**", "src/../secret/key", "ask"],
    ["write", "src/**", "data.txt", "ask"],
    ["write", "src/**", "SRC/a.ts", "ask"],
    ["write", "**", "/etc/passwd", "ask"],
    ["write", "**", "~/x", "ask"],
    ["write", "**", "link-to-secret", "ask"],
    ["write", "**", "link-to-outside/x", "ask"],
    ["write", "**", "link-to-nothing", "ask"],
    ["write", "alias/**", "alias/key", "ask"],
    ["write", "**", "x\0y", "ask"],
    ["edit", "**", "data.txt", "allow"],
  ] as const)("allow %s(%s) of %j: %s", async (tool, pattern, path, kind) => {
    expect(
      await decide({ tool, input: { path }, sessionRules: rulesOn(tool, "allow", pattern) }),
    ).toMatchObject({ kind });
  });

  it.each([
    ["read", "secret/**", "secret/key", "deny"],
    ["read", "secret/**", "SECRET/KEY", "deny"],
    ["read", "secret/**", "alias/key", "deny"],
    ["read", "secret/**", "src/../secret/key", "deny"],
    ["read", "secret/**", "src/a.ts", "allow"],
    ["read", "**/key", "secret/key", "deny"],
    ["read", "secret/**", 1, "deny"],
    ["grep", "secret/**", ".", "deny"],
    ["grep", "secret/**", undefined, "deny"],
    ["grep", "secret/**", "secret", "deny"],
    ["grep", "secret/**", "src", "allow"],
    ["glob", "**/key", "src", "deny"],
  ] as const)("deny %s(%s) of %j: %s", async (tool, pattern, path, kind) => {
    const input = path === undefined ? {} : { path };
    const request = { tool, input, readOnly: true, sessionRules: rulesOn(tool, "deny", pattern) };
    expect(await decide(request)).toMatchObject({ kind });
  });
});

describe("arguments of other tools", () => {
  it.each([
    ["allow", "url=https://a.test/*", { url: "https://a.test/x" }, "allow"],
    ["allow", "url=https://a.test/*", { url: "https://a.test/x/y" }, "ask"],
    ["allow", "url=https://a.test/**", { url: "https://a.test/x/y" }, "allow"],
    ["allow", "url=https://a.test*", { url: "https://a.test@evil" }, "ask"],
    ["allow", "url=https://*.a.test/**", { url: "https://evil/.a.test/" }, "ask"],
    ["allow", "url=https://a.test/**", { url: "https://a.test/\n" }, "ask"],
    ["allow", "url=https://a.test/**", {}, "ask"],
    ["allow", "url=**", { url: ["x"] }, "ask"],
    ["allow", "n=1 dry=true", { n: 1, dry: true }, "allow"],
    ["allow", "n=1 dry=true", { n: 1, dry: false }, "ask"],
    ["deny", "url=https://a.test/*", { url: "HTTPS://A.test/x/y" }, "deny"],
    ["deny", "url=https://a.test/*", { url: ["x"] }, "deny"],
    ["deny", "url=https://a.test/*", { url: "https://b.test/" }, "ask"],
    ["deny", "url=https://a.test/*", {}, "ask"],
  ] as const)("%s %s of %j: %s", async (effect, pattern, input, kind) => {
    const request = { tool: "fetch", input: input as PolicyRequest["input"] };
    expect(await decide({ ...request, sessionRules: rulesOn("fetch", effect, pattern) })).toMatchObject({
      kind,
    });
  });
});

describe("rules that cannot be read", () => {
  it.each([
    ["allow", "bash", "ls*"],
    ["allow", "bash", "*"],
    ["allow", "bash", "ls -*"],
    ["allow", "bash", "ls --color=*"],
    ["allow", "bash", "ls ** x"],
    ["allow", "bash", "ls a**b"],
    ["allow", "bash", "ls; rm"],
    ["allow", "bash", "ls  x"],
    ["allow", "bash", " ls"],
    ["allow", "bash", "ls $x"],
    ["allow", "bash", "ls\nrm"],
    ["allow", "bash", "!"],
    ["deny", "bash", "rm 'x'"],
    ["deny", "bash", "x".repeat(1_001)],
    ["deny", "read", "/etc/passwd"],
    ["deny", "read", "../x"],
    ["deny", "read", "a//b"],
    ["deny", "read", "~/x"],
    ["deny", "read", "a**b"],
    ["deny", "fetch", "https://x"],
    ["deny", "*", "x"],
    ["deny", "", undefined],
    ["deny", "a b", undefined],
  ] as const)("%s %s(%s)", (effect, tool, pattern) => {
    const rules = [{ effect, tool, ...(pattern !== undefined && { pattern }) }];
    expect(() => policy.check(rules)).toThrow(expect.objectContaining({ reason: "invalid" }));
  });

  it("or are too many", () => {
    expect(() => policy.check(Array.from({ length: 201 }, () => rule("ask")))).toThrow(/more than 200/);
    expect(() => policy.check(Array.from({ length: 200 }, () => rule("ask")))).not.toThrow();
  });
});
