import type { Command } from "commander";
import { Option } from "commander";
import { standardDataDir } from "../server/app.js";
import type { Examination } from "../server/examine.js";
import { examine } from "../server/examine.js";

interface DoctorOptions {
  readonly dataDir: string;
  readonly db?: string;
  readonly sandbox: "auto" | "required" | "off";
}

/** When support of a release line of Node.js ends: nodejs/Release on GitHub. */
const endOfLife: Readonly<Record<string, string>> = {
  22: "2027-04-30",
  23: "2025-06-01",
  24: "2028-04-30",
  25: "2026-06-01",
  26: "2029-04-30",
};

/** `agentry doctor`: tries to get out of the sandbox, and prints what is enforced. */
export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("Try the sandbox on this machine and print what it enforces")
    .option("--data-dir <dir>", "the server's data directory", standardDataDir())
    .option("--db <file>", "database file (default: agentry.db in the data directory)")
    .addOption(
      new Option("--sandbox <mode>", "what is to confine tools; with required, a gap makes the exit code 1")
        .choices(["auto", "required", "off"])
        .default("auto"),
    )
    .action(async (options: DoctorOptions) => {
      const examination = await examine(options);
      process.stdout.write(describe(examination, new Date()));
      if (options.sandbox === "required" && !isSound(examination)) process.exitCode = 1;
    });
}

function isSound({ findings }: Examination): boolean {
  return findings.length > 0 && findings.every(({ enforced }) => enforced);
}

function describe({ sqlite, sandbox, hosts, warning, findings }: Examination, now: Date): string {
  const lines = [
    `node      ${process.versions.node}`,
    `sqlite    ${sqlite}`,
    `sandbox   ${sandbox}`,
    `hosts     ${hosts}`,
  ];
  const end = endOfLife[process.versions.node.split(".")[0] ?? ""];
  if (end !== undefined && new Date(end) < now)
    lines.push(`warning   this Node.js is past its end of life (${end})`);
  if (warning !== undefined) lines.push(`warning   ${warning}`);
  if (findings.length === 0) lines.push("", "nothing is enforced");
  else lines.push("", "A tool cannot …");
  for (const { name, enforced } of findings)
    lines.push(`${enforced ? "enforced    " : "NOT ENFORCED"}  ${name}`);
  return `${lines.join("\n")}\n`;
}
