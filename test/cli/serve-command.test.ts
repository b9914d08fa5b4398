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
    ["--server-name", "a/b"],
    ["--server-name", "http://a"],
    ["--server-name", "a:2323"],
    ["--server-name", "*"],
    ["--server-name", "[a]"],
    ["--server-name", ""],
    ["--record", "/nothing/is/here/a.yaml"],
  ])("%s %s", async (option, value) => {
    await expect(parse(`${option}=${value}`)).rejects.toThrow(`argument '${value}' is invalid`);
  });
});

it("says in its help what is on unless told otherwise, and nothing of lists", () => {
  const program = new Command();
  addServeCommand(program);
  const help = program.commands[0]?.helpInformation() ?? "";
  expect(help).toContain("--server-name <name>");
  expect(help).not.toContain("[]");
});

it("takes every name that it is given", () => {
  const program = new Command();
  addServeCommand(program);
  const [serve] = program.commands;
  const names = ["agents.example", "my_host", "10.0.0.7", "::1", "[fe80::1]"];
  serve?.parseOptions(names.flatMap((name) => ["--server-name", name]));
  expect(serve?.opts().serverName).toEqual(names);
});
