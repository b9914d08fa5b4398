// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's.
import fc from "fast-check";
import { expect, it } from "vitest";
import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import { parseCommandPattern } from "../../../src/tools/policy/command-pattern.js";
import { judgeCommand } from "../../../src/tools/policy/judge-command.js";
import { makePolicyPlace, rulesOn } from "./place.js";

const { decideCommand } = makePolicyPlace();

/** A pattern, and a command that it allows. */
const starts = [
  ["ls", "ls"],
  ["ls *", "ls src"],
  ["ls **", "ls src data.txt"],
  ["cat **", "cat data.txt"],
  ["find **", "find ."],
  ["git status", "git status"],
  ["echo **", "echo hello"],
  ["echo **", "echo 'hello'"],
] as const;

const joiners = [";", "&&", "||", "|", "&", "\n", "\r", "\r\n", "`", "$(", "<(", ">(", "|&", ";;", "\u0085"];
const odd = ["\u00a0", "\u2028", "\u2003", "\u200b", "\\\n", "$'\\x3b'", "${IFS}", "{a,b}", "<<E\n", "#\n"];
const anything = [...joiners, ...odd, "'", '"'];
const closing = ["", "`", ")", "'", '"', "\nE", "}", "#"];

const joined = fc.record({
  start: fc.constantFrom(...starts),
  before: fc.constantFrom("", " ", "\t"),
  joiner: fc
    .tuple(fc.constantFrom(...joiners, ...odd), fc.array(fc.constantFrom(...anything), { maxLength: 2 }))
    .map(([first, others]) => [first, ...others]),
  after: fc.constantFrom("", " "),
  end: fc.constantFrom(...closing),
});

it("allows nothing that is joined to what a pattern allows", async () => {
  await fc.assert(
    fc.asyncProperty(joined, async ({ start: [pattern, command], before, joiner, after, end }) => {
      const line = `${command}${before}${joiner.join("")}${after}touch CANARY${end}`;
      expect(await decideCommand(line, rulesOn("bash", "allow", pattern)), line).toMatchObject({
        kind: "ask",
      });
    }),
    { numRuns: 5_000 },
  );
});

it("denies what is joined to what a pattern allows, where nothing is quoted", async () => {
  const rules = [...rulesOn("bash", "allow", ...new Set(starts.map(([pattern]) => pattern)))];
  const separators = [";", "&&", "||", "|", "&", "\n", "|&"];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...starts),
      fc.constantFrom(...separators),
      async ([, command], joiner) => {
        const line = `${command} ${joiner} touch CANARY`;
        const decision = await decideCommand(
          line,
          [...rules, ...rulesOn("bash", "deny", "touch")],
          ApprovalMode.AUTO,
        );
        expect(decision, line).toMatchObject({ kind: "deny" });
      },
    ),
    { numRuns: 200 },
  );
});

it("allows of any text only one command of plain words, and never throws", () => {
  const pattern = parseCommandPattern("ls **", true);
  const watched = parseCommandPattern("rm", false);
  if (typeof pattern === "string" || typeof watched === "string")
    throw new Error("the patterns must be read");
  const piece = fc.constantFrom(
    "ls",
    "rm",
    "x",
    " ",
    "'",
    '"',
    "\\",
    "$",
    "(",
    ")",
    "{",
    "}",
    ";",
    "\n",
    "<",
    "`",
    "#",
    "=",
    "é",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const command = pieces.join("");
      const { allowed } = judgeCommand({ command, allow: [pattern], watch: [watched] });
      if (allowed[0] !== undefined) expect(command).toMatch(/^ls( +([\w=]+|'[\w= ]*'|"[\w= ]*"))*$/);
    }),
    { numRuns: 5_000 },
  );
});
