import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addHelpCommand } from "../../src/cli/help-command.js";
import { addTokenCommand } from "../../src/cli/token-command.js";

/** What `agentry` with these arguments says, and how it ends. */
async function ask(...args: string[]) {
  const said = { out: "", err: "" };
  const program = new Command("agentry")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        said.out += text;
      },
      writeErr: (text) => {
        said.err += text;
      },
    });
  addTokenCommand(program);
  addHelpCommand(program);
  const ended = await program.parseAsync(args, { from: "user" }).catch((error: unknown) => error);
  return { ...said, ended };
}

describe("agentry help", () => {
  it("shows the commands", async () => {
    const { out, ended } = await ask("help");
    expect(out).toMatch(/^Usage: agentry .*\n/);
    expect(out).toContain("token");
    expect(ended).toMatchObject({ exitCode: 0 });
  });

  it("shows the options of a command", async () => {
    const { out, ended } = await ask("help", "token");
    expect(out).toContain("--data-dir");
    expect(ended).toMatchObject({ exitCode: 0 });
  });

  it("says that there is no such command", async () => {
    const { out, err, ended } = await ask("help", "foo\u001b[31m");
    expect([out, err]).toEqual(["", 'error: unknown command "foo\\u001b[31m"\n']);
    expect(ended).toMatchObject({ exitCode: 1 });
  });
});
