import { describe, expect, it } from "vitest";
import { importTable, inputOutput, packageTable, strangers } from "./import-table.js";
import { readProjectFile } from "./repository.js";
import type { SourceImport } from "./source-imports.js";
import { allImports, packageOf, scanImports, sourceFiles, valueCycles } from "./source-imports.js";

const files = sourceFiles();
const imports = allImports(files);

/** `store` of `src/store/sqlite/open.ts`, `main` of `src/main.ts`. */
const folderOf = (file: string): string => file.split("/")[1]!.replace(/\.ts$/, "");
/** `cagent` of `src/compat/cagent/service.ts`; undefined for a file directly in its folder. */
const innerOf = (file: string): string | undefined => file.split("/").slice(2, -1)[0];

/** What is wrong with an import, or undefined. */
function complaint(entry: SourceImport): string | undefined {
  const { specifier, target, typeOnly } = entry;
  const folder = folderOf(entry.file);
  const rule = importTable[folder];
  if (!rule) return `folder ${folder} is not in the table`;
  if (specifier.startsWith("node:")) {
    const io = folder === "core" && !typeOnly && inputOutput.includes(specifier.split(/[:/]/)[1]!);
    return io ? "core does no I/O" : undefined;
  }
  if (target === undefined) return packageComplaint(entry);
  const [top, area] = target.split("/");
  if (top === "gen") {
    const allowed = rule.gen.map((name) => (name === "own" ? innerOf(entry.file) : name));
    return allowed.includes("*") || allowed.includes(area) ? undefined : `${folder} may not know gen/${area}`;
  }
  if (top !== "src") return `${target} is not source`;
  const other = folderOf(target);
  if (other !== folder) return rule.folders.includes(other) ? undefined : `${folder} may not import ${other}`;
  const apart = strangers.includes(folder) && innerOf(target) !== innerOf(entry.file);
  return apart ? `${innerOf(entry.file)} may not import ${innerOf(target)}` : undefined;
}

function packageComplaint({ file, specifier, typeOnly }: SourceImport): string | undefined {
  const name = packageOf(specifier);
  const rule = packageTable[name];
  if (!rule) return `package ${name} is not in the table`;
  const places = typeOnly ? [...rule.values, ...(rule.types ?? [])] : rule.values;
  return places.some((place) => file.startsWith(place)) ? undefined : `${name} does not belong here`;
}

const complaints = (list: readonly SourceImport[]): string[] =>
  list.flatMap((entry) => {
    const wrong = complaint(entry);
    return wrong ? [`${entry.file}:${entry.line} imports ${entry.specifier}: ${wrong}`] : [];
  });

describe("imports of src", () => {
  it("are all seen", () => {
    const heads = files.flatMap(
      (file) => readProjectFile(file).match(/^import\b|^export\b.*\bfrom "/gm) ?? [],
    );
    expect(files.length).toBeGreaterThan(20);
    expect(imports.length).toBeGreaterThan(files.length);
    expect(imports.length).toBeGreaterThanOrEqual(heads.length);
  });

  it("name source files that exist", () => {
    const missing = imports.filter(({ target }) => target?.startsWith("src/") && !files.includes(target));
    expect(missing.map(({ file, specifier }) => `${file}: ${specifier}`)).toEqual([]);
  });

  it("hold the import table", () => {
    expect(complaints(imports)).toEqual([]);
  });

  it.each(["src/tools/file-worker.ts", "src/tools/network/bridge.ts"])(
    "lead from %s nowhere but into src/tools: a sandbox shows no more",
    (start) => {
      const reached = new Set([start]);
      for (const file of reached) {
        for (const { file: from, target, typeOnly } of imports) {
          if (from === file && !typeOnly && target !== undefined) reached.add(target);
        }
      }
      expect(files).toContain(start);
      expect([...reached].filter((file) => !file.startsWith("src/tools/"))).toEqual([]);
    },
  );

  it("form no cycle of values", () => {
    expect(valueCycles(imports)).toEqual([]);
  });
});

describe("the import table", () => {
  it.each([
    ["src/core/a.ts", 'import { b } from "../store/b.js";', "core may not import store"],
    ["src/core/a.ts", 'import type { B } from "../../gen/cagent/v1/b_pb.js";', "may not know gen/cagent"],
    ["src/core/a.ts", 'import { readFile } from "node:fs/promises";', "core does no I/O"],
    ["src/core/a.ts", 'import type { Readable } from "node:stream";', undefined],
    ["src/store/postgres/a.ts", 'import Database from "better-sqlite3";', "does not belong here"],
    ["src/store/sqlite/a.ts", 'import Database from "better-sqlite3";', undefined],
    ["src/providers/a.ts", 'const { B } = await import("openai");', "does not belong here"],
    ["src/tools/a.ts", 'export { b } from "../engine/b.js";', "tools may not import engine"],
    ["src/engine/a.ts", 'import {\n  b,\n  c,\n} from "../services/b.js";', "engine may not import services"],
    ["src/engine/a.ts", 'import left from "left-pad";', "left-pad is not in the table"],
    ["src/services/a.ts", 'import type { ServiceImpl } from "@connectrpc/connect";', undefined],
    ["src/services/a.ts", 'import { ConnectError } from "@connectrpc/connect";', "does not belong here"],
    ["src/compat/cagent/a.ts", 'import { b } from "../wingman/b.js";', "cagent may not import wingman"],
    [
      "src/compat/cagent/a.ts",
      'import { B } from "../../../gen/clotho/v1/b_pb.js";',
      "may not know gen/clotho",
    ],
    ["src/compat/cagent/a.ts", 'import { B } from "../../../gen/cagent/v1/b_pb.js";', undefined],
    ["src/compat/cagent/a.ts", 'import { b } from "../../engine/b.js";', "compat may not import engine"],
    ["src/transcode/a.ts", 'import { b } from "../core/b.js";', "transcode may not import core"],
    ["src/transcode/a.ts", 'import { B } from "../../gen/agentry/v1/b_pb.js";', "may not know gen/agentry"],
    ["src/server/a.ts", 'import "../cli/b.js";', "server may not import cli"],
    ["src/cli/a.ts", 'import pino from "pino";', "does not belong here"],
    ["src/main.ts", 'import { b } from "./server/b.js";', "main may not import server"],
    ["src/shed/a.ts", 'import { b } from "../core/b.js";', "shed is not in the table"],
    ["src/core/a.ts", '// import { b } from "../store/b.js";', "not seen"],
  ])("judges %s: %s", (file, text, expected) => {
    const found = scanImports(file, text);
    expect(found).toHaveLength(expected === "not seen" ? 0 : 1);
    const answers = complaints(found).join();
    if (expected === undefined || expected === "not seen") expect(answers).toBe("");
    else expect(answers).toContain(expected);
  });

  it("finds a cycle of values and lets a cycle of types be", () => {
    const cycle = (kind: string): SourceImport[] => [
      ...scanImports("src/core/a.ts", `${kind} { b } from "./b.js";`),
      ...scanImports("src/core/b.ts", 'import { c } from "./c.js";'),
      ...scanImports("src/core/c.ts", 'import { a } from "./a.js";'),
    ];
    expect(valueCycles(cycle("import"))).toEqual([["src/core/a.ts", "src/core/b.ts", "src/core/c.ts"]]);
    expect(valueCycles(cycle("import type"))).toEqual([]);
  });
});
