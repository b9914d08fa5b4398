import type { CommandPattern } from "./command-pattern.js";
import { allowsCommand, couldBe } from "./command-pattern.js";
import { literalCommand } from "./literal-command.js";
import { surveyCommand } from "./survey-command.js";

/** A command line, and the patterns that it is held against. */
export interface CommandQuestion {
  readonly command: string;
  /** Patterns of rules that allow. */
  readonly allow: readonly CommandPattern[];
  /** Patterns of rules that ask or deny. */
  readonly watch: readonly CommandPattern[];
}

/** Whether some command of a line is what a pattern is about; `unclear`: nobody can tell. */
export type Sighting = "no" | "perhaps" | "yes" | "unclear";

/** What the patterns come to. Both lists are in the order of the patterns. */
export interface CommandVerdict {
  /** The words that stars stand for, where the pattern allows the whole line; undefined where it does not. */
  readonly allowed: readonly (readonly string[] | undefined)[];
  readonly watched: readonly Sighting[];
  /** Why there are commands in it that nobody can tell, if so. */
  readonly unclear?: string;
}

/** Analyses a command line. It takes time and memory: not for the thread that serves. */
export function judgeCommand({ command, allow, watch }: CommandQuestion): CommandVerdict {
  const words = allow.length > 0 ? literalCommand(command) : undefined;
  const allowed = allow.map((pattern) => words && allowsCommand(pattern, words));
  if (watch.length === 0) return { allowed, watched: [] };
  const { commands, unclear, foreign } = surveyCommand(command);
  const watched = watch.map((pattern): Sighting => {
    if (commands.some((seen) => couldBe(pattern, seen))) return "yes";
    if (unclear !== undefined) return "unclear";
    return foreign ? "perhaps" : "no";
  });
  return { allowed, watched, ...(unclear !== undefined && { unclear }) };
}

/** The verdict on what could not be analysed: nothing is allowed, and anything may be in it. */
export function unclearVerdict({ allow, watch }: CommandQuestion, unclear: string): CommandVerdict {
  return { allowed: allow.map(() => undefined), watched: watch.map(() => "unclear"), unclear };
}
