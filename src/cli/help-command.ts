import type { Command } from "commander";

/** `agentry help`: prints the help of the program or of a command, and fails where there is no such command. */
export function addHelpCommand(program: Command): void {
  program
    .command("help")
    .description("Print the help of a command")
    .argument("[command]", "the command; without it, the program")
    .action((name: string | undefined) => {
      const found = name === undefined ? program : program.commands.find((each) => each.name() === name);
      if (found) found.help();
      else program.error(`error: unknown command ${JSON.stringify(name)}`);
    });
}
