import { describe, expect, it } from "vitest";
import type { RuleEffect } from "../../../src/core/policy.js";
import { builtinTools } from "../../../src/tools/builtin-tools.js";
import { createPolicy } from "../../../src/tools/policy/create-policy.js";

const policy = createPolicy(builtinTools());
const hash = "a".repeat(64);
const rule = (effect: RuleEffect, tool: string, pattern?: string) => ({
  effect,
  tool,
  ...(pattern !== undefined && { pattern }),
});

describe("a rule that would be about no call is refused, with what to write instead", () => {
  it.each([
    ["allow", "bash", "bash *", /write !bash \* to allow that/],
    ["allow", "bash", "npm test", /write !npm test/],
    ["allow", "bash", "./x.sh", /write !\.\/x\.sh/],
    ["allow", "bash", "/usr/bin/python3.12 x.py", /write !/],
    ["allow", "bash", "git **", /write them out, or !git \*\* to allow that/],
    ["allow", "bash", "git bisect **", /write them out/],
    ["allow", "bash", "tar **", /write them out/],
    ["allow", "bash", "gh *", /write them out/],
    ["allow", "bash", "time ls", /time is a word of the shell's grammar/],
    ["allow", "bash", "!time ls", /time is a word of the shell's grammar/],
    ["deny", "bash", "while", /while is a word of the shell's grammar/],
    ["allow", "bash", "A=b ls", /A=b sets a variable/],
    ["allow", "bash", "sha256:zz", /64 hexadecimal digits/],
    ["deny", "bash", "sha256:zz", /64 hexadecimal digits/],
    ["deny", "fetch", `sha256:${"A".repeat(64)}`, /in lower case/],
    ["allow", "write", `SHA256:${hash}`, /in lower case/],
    ["allow", "*", `sha256:${hash}`, /about one tool/],
    ["deny", "Bash", undefined, /no tool Bash; there are bash, edit, /],
    ["deny", "shell", "rm", /no tool shell.*server_tool/],
    ["deny", "read", " ", /pattern is blank/],
    ["deny", "handoff", "  ", /pattern is blank/],
    ["allow", "grep", "src/*.ts", /ends in \/\*\*/],
    ["deny", "fetch", "uri=https://a.test/**", /no argument uri; it has .*url/],
  ] as const)("%s %s(%s)", (effect, tool, pattern, message) => {
    expect(() => policy.check([rule(effect, tool, pattern)])).toThrow(
      expect.objectContaining({ reason: "invalid", message: expect.stringMatching(message) }),
    );
  });
});

describe("a rule is taken", () => {
  it.each([
    ["allow", "bash", "!bash *"],
    ["allow", "bash", "! npm test"],
    ["deny", "bash", "bash"],
    ["deny", "bash", "git **"],
    ["allow", "bash", "!git **"],
    ["allow", "bash", "git log **"],
    ["allow", "bash", "git bisect log"],
    ["allow", "bash", "tar tf *"],
    ["ask", "bash", "npm *"],
    ["allow", "bash", `sha256:${hash}`],
    ["deny", "github_create_issue", `sha256:${hash}`],
    ["allow", "github_create_issue", "repo=a"],
    ["allow", "github_create_issue", undefined],
    ["deny", "mcp:github", undefined],
    ["ask", "mcp:*", undefined],
    ["deny", "anything*", undefined],
    ["deny", "*", undefined],
    ["deny", "*", ""],
    ["allow", "grep", "src/**"],
    ["deny", "grep", "src/*.ts"],
    ["deny", "transfer_task", "agent=Researcher"],
    ["allow", "fetch", "url=https://a.test/**"],
  ] as const)("%s %s(%s)", (effect, tool, pattern) => {
    expect(() => policy.check([rule(effect, tool, pattern)])).not.toThrow();
  });

  it("on any tool where none is known", () => {
    expect(() => createPolicy().check([rule("deny", "Bash")])).not.toThrow();
  });
});
