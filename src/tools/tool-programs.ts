import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { ripgrepPath } from "./ripgrep.js";

/** What the tools run and read in a sandbox beside the programs of the system: Node.js, ripgrep, their own code. */
export async function toolPrograms(): Promise<string[]> {
  const here = import.meta.dirname;
  // It tells Node.js that the code is modules. Where it is depends on whether this is the built program.
  const description = [join(here, "../../../package.json"), join(here, "../../package.json")].find(
    existsSync,
  );
  const ripgrep = await ripgrepPath().catch(() => undefined);
  return [
    process.execPath,
    here,
    ...(description === undefined ? [] : [description]),
    ...(ripgrep === undefined ? [] : [dirname(ripgrep)]),
  ];
}
