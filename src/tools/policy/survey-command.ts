import type { ArrayValue, Command, CommandArgument, SyntaxNode, Word } from "unbash";
import { forEachChild, parse } from "unbash";
import type { SeenCommand } from "./command-pattern.js";
import { literalValue } from "./literal-value.js";
import { NumberNames } from "./number-names.js";
import type { Source } from "./read-arguments.js";
import { readArguments } from "./read-arguments.js";
import { readArithmetic } from "./read-arithmetic.js";
import { readBuiltin } from "./read-builtin.js";
import { effectOfVariable } from "./run-variables.js";

/** What a command line is seen to run. */
export interface Survey {
  /** Every command that it runs or could run: each simple command, and what their arguments may start. */
  readonly commands: readonly SeenCommand[];
  /** Why there may be commands that are not among them; undefined: there are none. */
  readonly unclear?: string;
  /** It runs code that is not looked at: of a language other than the shell's, or in files. */
  readonly foreign: boolean;
}

/** Deeper substitutions than people write; each level is read once more by the parser. */
const deepest = 8;
const mostNodes = 200_000;
const mostCommands = 100_000;
/** Texts inside quotes that are read as commands of their own. */
const mostTexts = 2_000;
/** Substitutions inside one text in quotes. */
const mostExpansions = 32;

/** Characters that a terminal does not show as they are, and which shells and people read differently. */
const deceptive = /[^\P{C}\t\n]|[^\P{Z} ]/u;

/** Looks for every command of a line of bash. Never throws; what it cannot read makes it unclear. */
export function surveyCommand(text: string): Survey {
  const survey = new Surveyor();
  if (deceptive.test(text)) {
    survey.doubt("it holds control or invisible characters");
  }
  survey.read({ text, kind: "shell" }, 0);
  survey.doubtNames();
  return survey;
}

class Surveyor implements Survey {
  readonly commands: SeenCommand[] = [];
  unclear?: string;
  foreign = false;
  /** Commands that were read before: lines of many thousand have few. */
  private readonly known = new Set<string>();
  private readonly names = new NumberNames();
  private nodes = 0;
  private texts = 0;

  doubt(why: string): void {
    this.unclear ??= why;
  }

  doubtNames(): void {
    const name = this.names.unknown();
    if (name !== undefined) this.doubt(`${name} is read as arithmetic and may be more than a number`);
  }

  read({ text, kind }: Source, depth: number): void {
    this.texts += 1;
    if (this.texts > mostTexts || depth > deepest) return this.doubt("it is nested too deeply");
    this.walk(parse(text), depth, kind);
  }

  private walk(root: SyntaxNode, depth: number, kind: Source["kind"]): void {
    const waiting: { node: SyntaxNode; depth: number }[] = [{ node: root, depth }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { node } = next;
      this.nodes += 1;
      if (this.nodes > mostNodes || this.commands.length > mostCommands) return this.doubt("it is too long");
      if (this.inspect(node, next.depth, kind) === "skip") continue;
      const inner = isSubstitution(node) ? next.depth + 1 : next.depth;
      if (inner > deepest) return this.doubt("it is nested too deeply");
      forEachChild(node, (child) => waiting.push({ node: child, depth: inner }));
    }
  }

  private inspect(node: SyntaxNode, depth: number, kind: Source["kind"]): "skip" | undefined {
    const why = kind === "guess" ? undefined : readArithmetic(node, this.names);
    if (why !== undefined) this.doubt(why);
    switch (node.type) {
      case "Script":
        if (kind === "shell" && "errors" in node && node.errors?.length) this.doubt("bash would not read it");
        return undefined;
      case "CommandExpansion":
      case "ProcessSubstitution":
      case "ArithmeticCommandExpansion":
        if (node.script === undefined) this.doubt("a substitution in it cannot be read");
        return undefined;
      case "ParameterExpansion":
        // A prompt is expanded a second time.
        if (node.operation?.type === "Transform" && node.operation.operand.value === "P")
          this.doubt("it expands a prompt");
        return undefined;
      case "ExtendedGlob":
        this.doubt("it holds an extended glob");
        return undefined;
      case "Command":
        this.inspectCommand(node, depth, kind);
        return undefined;
      case "Assignment":
        if (node.value.type === "Word") this.inspectValue(node.name, node.value, depth);
        else this.inspectVariable(node.name, node.text, undefined);
        return undefined;
      case "Word":
        if (node.parts === undefined) this.inspectText(node.value, depth);
        return undefined;
      case "Literal":
      case "SingleQuoted":
      case "AnsiCQuoted":
        this.inspectText(node.value, depth);
        return undefined;
      default:
        return undefined;
    }
  }

  /** Arithmetic, subscripts and prompts expand text that was quoted. */
  private inspectText(text: string, depth: number): void {
    let expansions = 0;
    for (const { index } of text.matchAll(/\$[({]|`|[<>]\(/g)) {
      expansions += 1;
      if (expansions > mostExpansions) return this.doubt("it is nested too deeply");
      // From each one on, as what stands before it might hide it from the shell's grammar alone.
      this.read({ text: `: ${text.slice(index)}`, kind: "guess" }, depth + 1);
    }
  }

  /** Variables name pagers, editors and start-up files, and may be run later. */
  private inspectValue(name: string, value: Word, depth: number): void {
    const written = literalValue(value);
    this.inspectVariable(name, value.text, written);
    const text = written?.replace(/^!/, "");
    if (text === undefined || text === "") return;
    this.commands.push({ program: text, words: [], from: 0, more: true });
    // A pager's filter begins with a pipe.
    if (/[^\w./:-]/.test(text)) this.read({ text: text.replace(/^[|-]+/, ""), kind: "guess" }, depth + 1);
  }

  private inspectVariable(name: string, written: string, value: string | undefined): void {
    const effect = effectOfVariable(name, written, value);
    if (effect === "unclear") this.doubt(`${name} in it lets code run that is not written out`);
    if (effect !== "none") this.foreign = true;
  }

  private inspectCommand(command: Command, depth: number, kind: Source["kind"]): void {
    const { name } = command;
    if (name === undefined) return;
    if (kind !== "guess") this.inspectNames([name, ...command.args]);
    const words = [name, ...command.args].map((word) =>
      word.type === "Word" ? literalValue(word) : assignedText(word.name, word.value),
    );
    const key = JSON.stringify([kind, ...words]);
    if (this.known.has(key)) return;
    this.known.add(key);
    if (words[0] !== undefined) this.commands.push({ program: words[0], words, from: 1, more: false });
    const findings = readArguments(words, kind === "guess");
    for (const started of findings.commands) this.commands.push(started);
    if (findings.unclear !== undefined && kind !== "guess") this.doubt(findings.unclear);
    this.foreign ||= findings.foreign;
    for (const source of findings.sources) this.read(source, depth + 1);
  }

  /** Variables that a command sets or is given by their names. */
  private inspectNames(words: readonly CommandArgument[]): void {
    const [builtin, ...args] = words.slice(words.findIndex((word) => !isBuiltinMark(word)));
    const name = builtin?.type === "Word" ? literalValue(builtin) : undefined;
    const why = name === undefined ? undefined : readBuiltin(name, args, this.names);
    if (why !== undefined) this.doubt(why);
    for (const word of args) {
      const [, variable, value] =
        (word.type === "Word" && /^([A-Za-z_]\w*)=(.*)$/s.exec(literalValue(word) ?? "")) || [];
      if (variable === undefined || value === undefined || name === "let") continue;
      this.names.write(variable, /^-?\d+$/.test(value) ? "number" : undefined);
      this.inspectVariable(variable, value, value);
    }
  }
}

/** Words that run what follows them as a builtin. */
const isBuiltinMark = (word: CommandArgument | undefined): boolean =>
  word?.type === "Word" && /^(builtin|command|-p|--)$/.test(literalValue(word) ?? "");

/** What `declare` and its like are given. */
function assignedText(name: string, value: Word | ArrayValue): string | undefined {
  const text = value.type === "Word" ? literalValue(value) : undefined;
  return text === undefined ? undefined : `${name}=${text}`;
}

const isSubstitution = (node: SyntaxNode): boolean =>
  node.type === "CommandExpansion" ||
  node.type === "ProcessSubstitution" ||
  node.type === "ArithmeticCommandExpansion";
