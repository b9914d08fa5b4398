import type { Rule } from "../../core/policy.js";
import type { Tool } from "../../core/tool.js";
import type { CommandPattern } from "./command-pattern.js";
import { leavesCommand } from "./command-pattern.js";
import { argumentKind, compileRule, ruleFault, toolsWithKinds } from "./compile-rule.js";
import { runsOthers } from "./program-kinds.js";

/** Tools whose rules can be checked, by name, with the names of their arguments. */
export type KnownTools = ReadonlyMap<string, readonly string[]>;

/** The tools of a server; those of MCP servers are not known before somebody uses them. */
export function knownTools(tools: readonly Pick<Tool, "name" | "inputSchema">[]): KnownTools {
  return new Map(tools.map(({ name, inputSchema }) => [name, Object.keys(Object(inputSchema.properties))]));
}

/**
 * Throws `invalid` for a rule that cannot be read, or that would never be about any call, and says what to write
 * instead. Without known tools, any name of a tool is taken.
 */
export function checkRule(rule: Rule, known: KnownTools): void {
  const why = whyUnknown(rule, known) ?? whyBlank(rule) ?? whyNever(rule, compileRule(rule), known);
  if (why !== undefined) throw ruleFault(rule, why);
}

/** A tool of an MCP server is named `server_tool`, and the use of one `mcp:server`: nobody knows them in advance. */
function whyUnknown({ tool }: Rule, known: KnownTools): string | undefined {
  const names = [...new Set([...known.keys(), ...toolsWithKinds])].sort();
  if (known.size === 0 || !/^[\w.-]+$/.test(tool) || names.includes(tool) || tool.includes("_"))
    return undefined;
  return `there is no tool ${tool}; there are ${names.join(", ")}, and server_tool for those of MCP servers`;
}

function whyBlank({ pattern = "" }: Rule): string | undefined {
  if (/^sha256:/i.test(pattern) && !/^sha256:[0-9a-f]{64}$/.test(pattern))
    return "a hash is sha256: and 64 hexadecimal digits in lower case";
  return /^\s+$/.test(pattern) ? "its pattern is blank; leave it out to mean every call" : undefined;
}

function whyNever(
  rule: Rule,
  matcher: ReturnType<typeof compileRule>,
  known: KnownTools,
): string | undefined {
  switch (matcher.kind) {
    case "command":
      return whyNoCommand(rule, matcher.pattern);
    case "path": {
      const kind = argumentKind(rule.tool);
      if (rule.effect !== "allow" || kind?.kind !== "path" || !kind.tree || matcher.pattern.at(-1) === "**")
        return undefined;
      return `${rule.tool} looks at everything below a path; write a pattern that ends in /**, such as src/**`;
    }
    case "arguments": {
      const names = known.get(rule.tool) ?? [];
      const other = matcher.patterns.find(({ name }) => !names.includes(name));
      if (names.length === 0 || other === undefined || argumentKind(rule.tool)) return undefined;
      return `${rule.tool} has no argument ${other.name}; it has ${names.join(", ")}`;
    }
    case "every":
    case "same":
      return undefined;
    default:
      return matcher satisfies never;
  }
}

/** Words with which bash begins something other than a simple command. */
const grammar = new Set(
  "if then else elif fi case esac for select while until do done in function time coproc".split(" "),
);

function whyNoCommand(rule: Rule, { vouched, words }: CommandPattern): string | undefined {
  const [first] = words;
  if (first?.kind !== "literal") return undefined;
  const program = first.text;
  if (grammar.has(program)) return `${program} is a word of the shell's grammar and no program`;
  if (program.includes("=")) return `${program} sets a variable and is no program`;
  if (rule.effect !== "allow" || vouched) return undefined;
  if (leavesCommand(words))
    return `${program} is told by these words what to do; write them out, or !${rule.pattern} to allow that`;
  if (!runsOthers(program)) return undefined;
  return `${program} runs what files or arguments say; write !${rule.pattern} to allow that`;
}
