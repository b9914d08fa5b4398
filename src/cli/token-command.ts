import type { Command } from "commander";
import { dataDirToken, standardDataDir } from "../server/app.js";

/** `agentry token`: prints the bearer token of a data directory, which it creates on first use. */
export function addTokenCommand(program: Command): void {
  program
    .command("token")
    .description("Print the bearer token of a data directory, creating it on first use")
    .option("--data-dir <dir>", "the server's data directory", standardDataDir())
    .action(({ dataDir }: { dataDir: string }) => {
      process.stdout.write(`${dataDirToken(dataDir)}\n`);
    });
}
