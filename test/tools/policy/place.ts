import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import type { Decision, PolicyRequest, Rule, RuleEffect } from "../../../src/core/policy.js";
import { createPolicy } from "../../../src/tools/policy/create-policy.js";

/** A policy that is closed after the tests of the file, and a working directory with a secret beside it. */
export function makePolicyPlace() {
  const root = mkdtempSync(join(tmpdir(), "policy-"));
  const workDir = join(root, "w");
  mkdirSync(join(workDir, "src"), { recursive: true });
  mkdirSync(join(workDir, "secret"));
  mkdirSync(join(root, "outside"));
  writeFileSync(join(root, "outside", "secret"), "s3cret\n");
  writeFileSync(join(workDir, "data.txt"), "x\n");
  writeFileSync(join(workDir, "src", "a.ts"), "a\n");
  writeFileSync(join(workDir, "secret", "key"), "k\n");
  symlinkSync("../outside/secret", join(workDir, "link-to-secret"));
  symlinkSync("../outside", join(workDir, "link-to-outside"));
  symlinkSync("../outside/new", join(workDir, "link-to-nothing"));
  symlinkSync("secret", join(workDir, "alias"));
  const policy = createPolicy();
  afterAll(async () => {
    await policy.close();
    rmSync(root, { recursive: true });
  });
  const decide = (request: Partial<PolicyRequest>): Promise<Decision> =>
    policy.decide(
      {
        tool: "bash",
        readOnly: false,
        input: {},
        mode: ApprovalMode.ASK,
        workDir,
        agentRules: [],
        sessionRules: [],
        ...request,
      },
      AbortSignal.timeout(20_000),
    );
  const decideCommand = (command: string, rules: readonly Rule[], mode = ApprovalMode.ASK) =>
    decide({ input: { command }, sessionRules: rules, mode });
  return { root, workDir, policy, decide, decideCommand };
}

/** Rules on one tool, one for each pattern. */
export const rulesOn = (tool: string, effect: RuleEffect, ...patterns: string[]): Rule[] =>
  patterns.map((pattern) => ({ effect, tool, pattern }));
