import type { SeenWords } from "./command-pattern.js";
import { isOperand } from "./fed-commands.js";
import { baseName } from "./program-kinds.js";
import { isAsking } from "./runs-files.js";

/** Whether a program of another language is given code in its arguments, or nothing: then it reads it from its input. */
export function holdsCode(program: string, args: SeenWords): boolean {
  const name = baseName(program);
  if (isAsking(args)) return false;
  if (/awk$/.test(name)) return args.some((word) => word === undefined || /system|\||getline|>/.test(word));
  if (/sed$/.test(name))
    return args.some(
      (word) => word === undefined || (!/^-[nrsuzE]*e?$/.test(word) && runsFromSed.test(word)),
    );
  if (/^[jy]q$/.test(name)) return false;
  if (/^(psql|mysql|mariadb)$/.test(name)) return true;
  if (/^sqlite3/.test(name))
    return args.filter(isOperand).length < 2 || args.some((word) => runsFromSql.test(word ?? "."));
  if (name === "deno" && args.some((word) => word === undefined || /^(eval|repl)$/.test(word))) return true;
  const inline = /^[-+](?:[A-Za-z]*[cCeErRpnSx]$|c|e|-e|-p|-c|-r)/;
  return !args.some(isOperand) || args.some((word) => word === undefined || inline.test(word));
}

/** Commands and functions of sqlite3 that run others, or read and write files. */
const runsFromSql = /^\s*\.|[\n;]\s*\.|load_extension|edit\s*\(|(read|write)file/i;

/** GNU sed's command `e`, and the flag `e` of its command `s`. */
const runsFromSed = /(?:^|[\d$/!,;{}\n])\s*e(?:\s|$)|[^\w\s][\dgpiIm]*e[\dgpiImMw]*\s*(?:$|[;}\n])/;

/** Texts in code of awk and sed that these give to a shell, or may. */
export function textsOfCode(program: string, args: SeenWords): string[] {
  if (!/^(.*awk|g?sed)$/.test(baseName(program)) || !holdsCode(program, args)) return [];
  return args.flatMap((code) => {
    const texts = [...(code ?? "").matchAll(/"((?:[^"\\]|\\.)*)"|(?:^|[\d$/!,;{}\n\s])e\s+([^\n]+)/g)];
    return texts.map(([, quoted, told]) => quoted ?? told ?? "");
  });
}

/** Whether code of awk or sed gives a shell something else than a text that is written out. */
export function givesShellUntold(program: string, code: string): boolean {
  if (/^g?sed$/.test(program)) return !/^-[nrsuzE]*e?$/.test(code) && runsInput.test(code);
  if (!/awk$/.test(program)) return false;
  // Texts and patterns may hold what looks like code. A division that looks like a pattern is asked for all the same.
  const bare = code.replace(/"(?:[^"\\\n]|\\.)*"/g, '""').replace(/\/(?:[^/\\\n]|\\.)*\//g, " ");
  const untold = bare.replace(/system\s*\(\s*""\s*\)|""\s*\|&?\s*getline|\|&?\s*""|\|\|/g, " ");
  return /system\s*\(|\|/.test(untold);
}

/** Sed's command `e` without a command of its own, and the flag `e` of its command `s`. */
const runsInput =
  /(?:^|[\d$/!,;{}\n])\s*e\s*(?:$|[;}\n])|^[^\n]*\bs([^\w\s])(?:[^\\]|\\.)*\1[\dgpiImM]*e[\dgpiImMw]*\s*(?:$|[;}\n])/;
