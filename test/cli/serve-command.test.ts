import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addServeCommand } from "../../src/cli/serve-command.js";

function parse(...args: string[]): Promise<Command> {
  const program = new Command();
  addServeCommand(program);
  const quiet = { writeErr: () => undefined };
  for (const command of [program, ...program.commands]) command.exitOverride().configureOutput(quiet);
  return program.parseAsync(["serve", ...args], { from: "user" });
}

describe("serve refuses", () => {
  it.each([
    ["--approval-expiry", "0"],
    ["--approval-expiry", "604801"],
    ["--approval-expiry", "1.5"],
    ["--approval-expiry", "-1"],
    ["--drain", "3601"],
    ["--port", "65536"],
  ])("%s %s", async (option, value) => {
    await expect(parse(`${option}=${value}`)).rejects.toThrow(`argument '${value}' is invalid`);
  });
});
