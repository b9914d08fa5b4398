import { afterEach, describe, expect, it } from "vitest";
import { CommandJudge } from "../../../src/tools/policy/command-judge.js";
import type { CommandPattern } from "../../../src/tools/policy/command-pattern.js";
import { parseCommandPattern } from "../../../src/tools/policy/command-pattern.js";
import type { CommandQuestion } from "../../../src/tools/policy/judge-command.js";

const pattern = (text: string): CommandPattern => {
  const read = parseCommandPattern(text, false);
  if (typeof read === "string") throw new Error(read);
  return read;
};
const ask = (command: string): CommandQuestion => ({
  command,
  allow: [pattern("ls")],
  watch: [pattern("rm")],
});
const signal = new AbortController().signal;
const judge = new CommandJudge();
afterEach(() => judge.close());

const threads = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;

it("answers many at once, each its own", async () => {
  const commands = Array.from({ length: 200 }, (_, index) =>
    index % 3 === 0 ? "rm" : index % 3 === 1 ? "ls" : "a; rm",
  );
  const verdicts = await Promise.all(commands.map((command) => judge.judge(ask(command), signal)));
  expect(verdicts.map(({ watched }) => watched[0])).toEqual(
    commands.map((one) => (one === "ls" ? "no" : "yes")),
  );
  expect(verdicts.map(({ allowed }) => allowed[0] !== undefined)).toEqual(
    commands.map((one) => one === "ls"),
  );
});

it("starts no thread for what is too long", async () => {
  const before = threads();
  const verdict = await judge.judge(ask("true;".repeat(200_000)), signal);
  expect(verdict).toEqual({
    allowed: [undefined],
    watched: ["unclear"],
    unclear: "it is longer than 64 KiB",
  });
  expect(threads()).toBe(before);
});

describe("comes to a verdict on 60 KiB of", () => {
  const size = 60 * 1024;
  it.each([
    "true;",
    "a|",
    "a&&",
    '"$(',
    "$(",
    "<(",
    "$((",
    "`",
    "{ ",
    "(",
    "'",
    "${a",
    "cat <<A\n",
    "a=b ",
    "f(){ ",
    "[[ a ",
  ])("%j", async (piece) => {
    const verdict = await judge.judge(ask(piece.repeat(size / piece.length)), signal);
    expect(verdict.allowed).toEqual([undefined]);
    expect(verdict.watched).toHaveLength(1);
  });

  it("quotes with many substitutions in each, and words that resemble what is looked for", async () => {
    for (const piece of ["'$(a' ", "rm x ", "x=$(rm ", "'a b' ", "rm -r "]) {
      const watch = [pattern("rm a b c"), pattern("rm -f"), pattern("r* x*y*z")];
      const verdict = await judge.judge({ ...ask(piece.repeat(size / piece.length)), watch }, signal);
      expect(verdict.watched).toHaveLength(3);
    }
  });
});

it("takes no answer for an answer when it is closed, and starts again", async () => {
  const waiting = [judge.judge(ask("ls"), signal), judge.judge(ask("ls"), signal)];
  await judge.close();
  expect(await Promise.all(waiting)).toEqual(
    waiting.map(() => expect.objectContaining({ watched: ["unclear"], allowed: [undefined] })),
  );
  expect((await judge.judge(ask("ls"), signal)).watched).toEqual(["no"]);
});

it("forgets who left", async () => {
  const leaving = new AbortController();
  const left = judge.judge(ask("rm"), leaving.signal);
  const stays = judge.judge(ask("ls"), signal);
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  expect((await stays).watched).toEqual(["no"]);
});
