import type { PolicyRequest, Rule } from "../../core/policy.js";
import { allowsArguments, argumentOf, sightArguments } from "./argument-pattern.js";
import type { CommandJudge } from "./command-judge.js";
import type { CommandPattern } from "./command-pattern.js";
import type { ArgumentKind, Matcher } from "./compile-rule.js";
import { argumentKind, compileRule } from "./compile-rule.js";
import type { CommandVerdict, Sighting } from "./judge-command.js";
import { coversPath, touchesPath } from "./path-pattern.js";
import { findWorkPlace } from "./work-place.js";

/** Whose a rule is. */
type Scope = "agent" | "session";

/** A rule that bears on a call. A rule that allows is matched by `yes` alone. */
export interface Match {
  readonly scope: Scope;
  readonly rule: Rule;
  readonly sighting: Sighting;
  /** With `unclear`: why. */
  readonly unclear?: string;
}

interface Applicable {
  readonly scope: Scope;
  readonly rule: Rule;
  readonly matcher: Matcher;
}

/** Matches every rule that is about this tool. Throws `invalid` when a rule cannot be read. */
export async function matchRules(
  request: PolicyRequest,
  judge: CommandJudge,
  signal: AbortSignal,
): Promise<readonly Match[]> {
  const rules = [...applicable("agent", request), ...applicable("session", request)];
  const kind = argumentKind(request.tool);
  switch (kind?.kind) {
    case "command":
      return await matchCommand({ request, rules, argument: kind.argument }, judge, signal);
    case "path":
      return await matchPath({ request, rules, kind });
    case "name":
    case undefined:
      return rules.map((one) => ({
        ...one,
        sighting: sightWhole(one, request) ?? matchArguments(one, request),
      }));
    default:
      return kind satisfies never;
  }
}

function applicable(scope: Scope, request: PolicyRequest): Applicable[] {
  const rules = scope === "agent" ? request.agentRules : request.sessionRules;
  const compiled = rules.map((rule) => ({ scope, rule, matcher: compileRule(rule) }));
  const names = [request.tool, ...(request.alsoNamed ?? [])];
  return compiled.filter(({ rule }) => names.some((name) => isAbout(rule.tool, name)));
}

/** Whether a rule's tool is this one: by its name, or by how the name begins. */
function isAbout(tool: string, name: string): boolean {
  return tool.endsWith("*") ? name.startsWith(tool.slice(0, -1)) : tool === name;
}

/** What needs no look at the arguments; undefined: it does. */
function sightWhole({ matcher }: Applicable, { argumentsSha256 }: PolicyRequest): Sighting | undefined {
  if (matcher.kind === "every") return "yes";
  if (matcher.kind === "same") return matcher.sha256 === argumentsSha256 ? "yes" : "no";
  return undefined;
}

function matchArguments({ rule, matcher }: Applicable, { input }: PolicyRequest): Sighting {
  if (matcher.kind !== "arguments") return "unclear";
  if (rule.effect !== "allow") return sightArguments(matcher.patterns, input);
  return allowsArguments(matcher.patterns, input) ? "yes" : "no";
}

interface CommandCall {
  readonly request: PolicyRequest;
  readonly rules: readonly Applicable[];
  readonly argument: string;
}

async function matchCommand(
  { request, rules, argument }: CommandCall,
  judge: CommandJudge,
  signal: AbortSignal,
): Promise<readonly Match[]> {
  const command = argumentOf(request.input, argument);
  const text = typeof command === "string" ? command : undefined;
  const allow = patternsOf(rules, true);
  const watch = patternsOf(rules, false);
  const patterns = { allow: [...allow.values()], watch: [...watch.values()] };
  const needed = text !== undefined && allow.size + watch.size > 0;
  const verdict = needed ? await judge.judge({ command: text, ...patterns }, signal) : undefined;
  const allowing = [...allow.keys()];
  const watching = [...watch.keys()];
  const matches = rules.map(async (one): Promise<Match> => {
    const whole = sightWhole(one, request);
    if (whole !== undefined) return { ...one, sighting: whole };
    if (one.rule.effect === "allow") {
      const free = verdict?.allowed[allowing.indexOf(one)];
      const inside = free !== undefined && (await allInside(request.workDir, free));
      return { ...one, sighting: inside ? "yes" : "no" };
    }
    return { ...one, ...sightingOf(verdict, watching.indexOf(one)) };
  });
  return await Promise.all(matches);
}

function sightingOf(verdict: CommandVerdict | undefined, index: number): Pick<Match, "sighting" | "unclear"> {
  const sighting = verdict?.watched[index] ?? "unclear";
  const unclear = verdict?.unclear ?? "its command is no text";
  return sighting === "unclear" ? { sighting, unclear } : { sighting };
}

function patternsOf(rules: readonly Applicable[], allow: boolean): Map<Applicable, CommandPattern> {
  return new Map(
    rules.flatMap((one) =>
      one.matcher.kind === "command" && (one.rule.effect === "allow") === allow
        ? [[one, one.matcher.pattern] as const]
        : [],
    ),
  );
}

/** More words than this for the stars of a pattern are not looked at, and so not allowed. */
const mostFree = 64;

async function allInside(workDir: string, words: readonly string[]): Promise<boolean> {
  if (words.length > mostFree) return false;
  const places = await Promise.all(words.map((word) => findWorkPlace(workDir, word)));
  return places.every(({ written, real }) => written !== undefined && real !== undefined);
}

interface PathCall {
  readonly request: PolicyRequest;
  readonly rules: readonly Applicable[];
  readonly kind: Extract<ArgumentKind, { kind: "path" }>;
}

async function matchPath({ request, rules, kind }: PathCall): Promise<readonly Match[]> {
  const { tree } = kind;
  const given = argumentOf(request.input, kind.argument) ?? (tree ? "." : undefined);
  const name = typeof given === "string" ? given : undefined;
  const place = name === undefined ? undefined : await findWorkPlace(request.workDir, name);
  return rules.map((one): Match => {
    const { scope, rule, matcher } = one;
    if (matcher.kind !== "path") return { scope, rule, sighting: sightWhole(one, request) ?? "unclear" };
    const { pattern } = matcher;
    if (rule.effect === "allow") {
      const paths = name === undefined || climbs(name) ? [undefined] : [place?.written, place?.real];
      const covered = paths.every((path) => path !== undefined && coversPath({ pattern, path, tree }));
      return { scope, rule, sighting: covered ? "yes" : "no" };
    }
    if (name === undefined) return { scope, rule, sighting: "unclear", unclear: "its path is no text" };
    const paths = [place?.written, place?.real];
    const touched = paths.some((path) => path !== undefined && touchesPath({ pattern, path, tree }));
    return { scope, rule, sighting: touched ? "yes" : "no" };
  });
}

const climbs = (name: string): boolean => name.startsWith("~") || name.split("/").includes("..");
