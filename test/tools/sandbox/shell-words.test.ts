import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { commandLine } from "../../../src/tools/sandbox/shell-words.js";

/** What a program is given by a shell that reads such a line from its input. */
function given(args: readonly string[]): string[] {
  const line = commandLine(process.execPath, ["-p", "JSON.stringify(process.argv.slice(1))", "--", ...args]);
  const { stdout, status } = spawnSync("/bin/sh", [], { input: `exec ${line}\n`, encoding: "utf8" });
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

it.each([
  ["nothing", []],
  ["an empty word", ["", "a", ""]],
  ["quotes", ["'", "''", `it's "so"`, "\\'", "'\\''"]],
  ["what shells replace", ["$HOME", "$(id)", "`id`", "*", "~", "{a,b}", "!!", "a\\b", "\\"]],
  ["what shells end words by", ["a b", "a;b", "a|b", "a&b", "a>b", "a<b", "(a)", "#a", "a\tb"]],
  ["lines", ["a\nb", "\n", "a\r\nb", "exec true\nexit 3\n", "<<EOF\nEOF"]],
  ["other scripts", ["żółw", "日本語", "🐢", "\u2028", "\ufeff", "e\u0301"]],
  ["control characters", ["\x01\x02\x7f", "\x1b[31m", "\x04", "\x1a"]],
  ["many words", Array.from({ length: 3_000 }, (_, index) => `word ${index}`)],
  ["a long word", ["x'".repeat(60_000)]],
])("a shell takes them as they are: %s", (_, args) => {
  expect(given(args)).toEqual(args);
});

it.each([
  ["a word that is too long", ["x".repeat(131_072)], "E2BIG"],
  ["too many words", Array.from({ length: 200 }, () => "x".repeat(10_000)), "E2BIG"],
  ["a null byte", ["a\0b"], "ERR_INVALID_ARG_VALUE"],
])("are refused: %s", (_, args, code) => {
  expect(() => commandLine("/bin/true", args)).toThrowError(expect.objectContaining({ code }));
});
