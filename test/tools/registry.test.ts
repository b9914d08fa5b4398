import { describe, expect, it } from "vitest";
import { builtinTools } from "../../src/tools/builtin-tools.js";
import { createToolRegistry } from "../../src/tools/registry.js";
import { toolEnvironment } from "../../src/tools/tool-environment.js";
import { makeWorkPlace } from "./work-place.js";

describe("the registry", () => {
  const registry = createToolRegistry(builtinTools().reverse());

  it("lists the tools by name", () => {
    expect(registry.list().map(({ name }) => name)).toEqual([
      "bash",
      "edit",
      "fetch",
      "glob",
      "grep",
      "memory",
      "read",
      "think",
      "todo",
      "user_prompt",
      "write",
    ]);
  });

  it("knows which tools change nothing", () => {
    const names = registry.list().filter(({ readOnly }) => readOnly);
    expect(names.map(({ name }) => name)).toEqual(["glob", "grep", "read", "think", "todo", "user_prompt"]);
  });

  it("finds a tool, and no other", () => {
    expect(registry.get("bash")?.name).toBe("bash");
    for (const name of ["Bash", "constructor", "__proto__", ""]) expect(registry.get(name)).toBeUndefined();
  });

  it("defines each known tool once, in order", () => {
    const definitions = registry.definitions(["write", "nope", "bash", "write"]);
    expect(definitions.map(({ name }) => name)).toEqual(["bash", "write"]);
    expect(Object.keys(definitions[0] ?? {})).toEqual(["name", "description", "inputSchema"]);
  });

  it("refuses two tools of one name", () => {
    expect(() => createToolRegistry([...builtinTools(), ...builtinTools()])).toThrow("same name");
  });
});

const withoutFiles = new Set(["fetch", "memory", "think", "todo", "user_prompt"]);

describe.each(builtinTools().filter(({ name }) => !withoutFiles.has(name)))("$name", (tool) => {
  it("says what to do when the session has no work_dir", async () => {
    const required = {
      command: "true",
      path: "x",
      pattern: "x",
      content: "",
      old_string: "a",
      new_string: "b",
    };
    const context = { ...makeWorkPlace().context, workDir: "" };
    const output = await tool.run(required, context, new AbortController().signal);
    expect(output).toEqual({
      text: "this session has no work_dir; set one with UpdateSession",
      failed: true,
    });
  });
});

describe.each(builtinTools())("$name", (tool) => {
  it("refuses wrong arguments by name, and summarises them all the same", async () => {
    const required = tool.inputSchema.required;
    expect(Array.isArray(required)).toBe(true);
    const output = await makeWorkPlace().call(tool, {});
    expect(output).toEqual({ text: `${Array.isArray(required) && required[0]} is required`, failed: true });
    expect(tool.summarize({})).toBe(`${tool.name} {}`);
  });
});

describe("the environment of a tool", () => {
  it.each([
    { name: "PATH", value: "/bin", kept: true },
    { name: "LC_ALL", value: "C.UTF-8", kept: true },
    { name: "HOME", value: "/home/me", kept: true },
    { name: "LC_API_KEY", value: "x", kept: false },
    { name: "AGENTRY_HOME", value: "x", kept: false },
    { name: "OPENAI_API_KEY", value: "x", kept: false },
    { name: "NODE_OPTIONS", value: "x", kept: false },
    { name: "BASH_ENV", value: "/x", kept: false },
    { name: "LD_PRELOAD", value: "/x", kept: false },
    { name: "USER", value: "sk-ant-api03-abcdef", kept: false },
    { name: "GOPATH", value: "/go", pass: true, kept: true },
    { name: "GITHUB_TOKEN", value: "x", pass: true, kept: false },
    { name: "db_password", value: "x", pass: true, kept: false },
    { name: "AGENTRY_X", value: "x", pass: true, kept: false },
    { name: "DATABASE", value: "ghp_abcdef", pass: true, kept: false },
  ])("$name=$value, named: $pass, is kept: $kept", ({ name, value, pass, kept }) => {
    const environment = toolEnvironment({ [name]: value }, pass ? [name] : []);
    expect(environment[name]).toBe(kept ? value : undefined);
  });

  it("has a PATH and a dumb terminal in any case", () => {
    expect(toolEnvironment({})).toMatchObject({ PATH: /\/usr\/bin/, TERM: "dumb" });
  });
});
