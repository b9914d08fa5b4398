import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import { makePolicyPlace, rulesOn } from "./place.js";

interface Corpus {
  readonly cases: readonly { readonly id: string; readonly kind: string; readonly cmd: string }[];
}

const path = resolve("../shared/data/approvals/bypass-corpus.json");
const corpus: Corpus = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { cases: [] };
const cases = corpus.cases.length > 0 ? corpus.cases : [{ id: "none", kind: "none", cmd: "" }];

const programs = ["ls", "cat", "echo", "find", "grep", "rg", "git status", "git diff", "git log", "sort"];
const generous = [
  ...rulesOn(
    "bash",
    "allow",
    ...[...programs, "sed -n", "head", "wc", "jq", "jq -n"].map((one) => `${one} **`),
  ),
  ...rulesOn("bash", "allow", "npm test", "git status"),
];
const denied = [
  ...generous,
  ...rulesOn("bash", "deny", "curl", "rm", "git clean", "wget"),
  ...rulesOn("bash", "deny", "touch"),
];

const { decideCommand } = makePolicyPlace();

beforeEach((context) => {
  if (corpus.cases.length === 0) context.skip("the corpus of bypasses is not beside the project");
});

it("has all its cases", () => {
  expect(corpus.cases).toHaveLength(75);
});

describe("of the corpus, never allowed by rules that allow", () => {
  it.each(cases)("$id $cmd", async ({ cmd }) => {
    expect(await decideCommand(cmd, generous)).not.toMatchObject({ kind: "allow" });
  });
});

describe("of what destroys, denied by rules that deny, or asked", () => {
  it.each(cases.filter(({ kind }) => kind === "destroy" || kind === "none"))("$id $cmd", async ({ cmd }) => {
    const { kind } = await decideCommand(cmd, denied, ApprovalMode.AUTO);
    expect(kind).toBe(cmd.startsWith("perl") ? "ask" : "deny");
  });
});

describe("of what touches a file, denied by a rule that denies that, where the shell does it", () => {
  const shell = cases.filter(
    ({ cmd }) => /touch|cu\\rl/.test(cmd) && !/^(python3|vim|awk|sed|ls \\)/.test(cmd),
  );
  it.each(shell.length > 0 ? shell : cases)("$id $cmd", async ({ cmd }) => {
    expect(await decideCommand(cmd, denied, ApprovalMode.AUTO)).toMatchObject({ kind: "deny" });
  });
});
