import { join } from "node:path/posix";
import { projectFiles, readProjectFile } from "./repository.js";

/** One import of a module, in whatever form it is written. */
export interface SourceImport {
  /** The importing file, relative to the root. */
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  /** True for `import type` and `export type`: the compiler drops it. */
  readonly typeOnly: boolean;
  /** The imported source file, relative to the root; undefined for a package or a module of Node. */
  readonly target: string | undefined;
}

/** `import … from`, `export … from` and `import "…"`, each at the start of a line. */
const staticForm = /^(?:import|export)\s+(type\s+)?(?:[\w$*{][^;"'`]*?\sfrom\s+)?["']([^"'\n]+)["']/gm;
/** `import("…")`, as an expression or as a type. */
const dynamicForm = /(typeof\s+)?\bimport\(\s*["'`]([^"'`\n]+)["'`]/g;

/** The imports of one source text. Comments are not searched. */
export function scanImports(file: string, text: string): SourceImport[] {
  const code = text
    .replace(/^\s*\/\*[\s\S]*?\*\//gm, blank)
    .replace(/^\s*\/\/.*$/gm, blank)
    .replace(/^(\s*\S.*?)\s\/\/ .*$/gm, "$1");
  return [staticForm, dynamicForm].flatMap((form) =>
    [...code.matchAll(form)].map((match) => {
      const specifier = match[2]!;
      return {
        file,
        line: code.slice(0, match.index).split("\n").length,
        specifier,
        typeOnly: match[1] !== undefined,
        target: specifier.startsWith(".") ? toSource(join(file, "..", specifier)) : undefined,
      };
    }),
  );
}

/** Every import of every source file. */
export function allImports(files: readonly string[] = sourceFiles()): SourceImport[] {
  return files.flatMap((file) => scanImports(file, readProjectFile(file)));
}

/** Every TypeScript file of `src`. */
export const sourceFiles = (): string[] => projectFiles().filter((file) => /^src\/.*\.ts$/.test(file));

/** The package of a specifier: `@a/b` of `@a/b/c.js`. */
export const packageOf = (specifier: string): string =>
  specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

/** Groups of files that import each other by value, each sorted. */
export function valueCycles(imports: readonly SourceImport[]): string[][] {
  const edges = new Map<string, Set<string>>();
  for (const { file, target, typeOnly } of imports) {
    if (target === undefined || typeOnly) continue;
    edges.set(file, (edges.get(file) ?? new Set()).add(target));
  }
  const reached = new Map([...edges.keys()].map((file) => [file, reachable(file, edges)]));
  const groups = [...edges.keys()]
    .filter((file) => reached.get(file)!.has(file))
    .map((file) => [...reached.get(file)!].filter((other) => reached.get(other)?.has(file)).sort());
  return [...new Map(groups.map((group) => [group.join(), group])).values()];
}

function reachable(from: string, edges: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const found = new Set<string>();
  const open = [...(edges.get(from) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(edges.get(next) ?? []));
  }
  return found;
}

const toSource = (path: string): string => path.replace(/\.js$/, ".ts");
const blank = (match: string): string => match.replace(/[^\n]/g, " ");
