import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { errorCode } from "../core/error-code.js";
import { Fault } from "../core/fault.js";
import { keepUserMask } from "../core/user-mask.js";
import { addDemoCommand } from "./demo-command.js";
import { addDoctorCommand } from "./doctor-command.js";
import { addHelpCommand } from "./help-command.js";
import { addRunCommand } from "./run-command.js";
import { addServeCommand } from "./serve-command.js";
import { addTokenCommand } from "./token-command.js";

/**
 * Runs the command line. Faults become one line on stderr and exit code 1; wrong usage exits with 2. Tools make
 * files as `userMask` says, the file mode creation mask of the shell that started this.
 */
export async function runCli(argv: readonly string[], userMask: number): Promise<void> {
  keepUserMask(userMask);
  // Whoever reads the output has seen enough, as with `| head`: no reason for a stack trace.
  process.stdout.on("error", (error) => {
    if (errorCode(error) !== "EPIPE") throw error;
    process.exit(0);
  });
  const program = new Command("agentry")
    .description("One agent server for every protocol: Connect, gRPC, REST, SSE.")
    .version(version(), "--version", "print the version")
    .helpOption("--help", "print this help")
    .showHelpAfterError("(agentry --help lists commands and options)")
    .helpCommand(false)
    .exitOverride();
  for (const add of [addServeCommand, addRunCommand, addTokenCommand, addDoctorCommand, addDemoCommand])
    add(program);
  addHelpCommand(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // Commander has printed its message already; its own code is 0 for help and version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const fault = Fault.from(error);
  const message = fault.reason === "internal" && error instanceof Error ? error.message : fault.message;
  process.stderr.write(`agentry: ${message}\n`);
  return 1;
}

function version(): string {
  for (const path of ["../../package.json", "../../../package.json"]) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), "utf8");
      const { name, version } = JSON.parse(text) as { name?: unknown; version?: unknown };
      if (name === "agentry" && typeof version === "string") return version;
    } catch {
      // Not there: the program runs from the other place.
    }
  }
  return "unknown";
}
