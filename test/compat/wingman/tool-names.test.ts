import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { ApprovalMode } from "../../../gen/agentry/v1/sessions_pb.js";
import { wingmanToolNames } from "../../../src/compat/wingman/tool-names.js";
import { withAliases } from "../../../src/tools/alias-tools.js";
import { builtinTools } from "../../../src/tools/builtin-tools.js";
import { makePolicyPlace } from "../../tools/policy/place.js";

const contract = resolve("../shared/contracts/wingman.md");
const tools = new Map(withAliases(builtinTools(), wingmanToolNames).map((tool) => [tool.name, tool]));

/** The rows of the contract's table of tools: a name, and its parameters, each with whether it is required. */
function documented(): [string, Map<string, boolean>][] {
  const text = readFileSync(contract, "utf8");
  const section = text.slice(text.indexOf("## 4. Tools"), text.indexOf("## 5. Providers"));
  const rows = section.matchAll(/^\| (\w+) \| (.*?) \| /gm);
  return [...rows].flatMap(([, name = "", parameters = ""]) => {
    const found = [...parameters.matchAll(/`(\w+)`(\*?)/g)].map(
      ([, parameter = "", star]): [string, boolean] => [parameter, star === "*"],
    );
    return found.length > 0 ? [[name, new Map(found)]] : [];
  });
}

describe("every tool of the contract is there, with its parameters", () => {
  it("by its name and theirs", (context) => {
    if (!existsSync(contract)) context.skip("the contract is not beside the project");
    const rows = documented();
    expect(rows.map(([name]) => name)).toEqual(
      expect.arrayContaining(["bash", "read", "write", "edit", "glob", "grep", "webfetch"]),
    );
    for (const [name, parameters] of rows) {
      // It came after the documents that are served here.
      if (name === "perplexity_search") continue;
      const { inputSchema } = tools.get(name) ?? {};
      const { properties, required } = inputSchema as { properties: object; required: string[] };
      expect(Object.keys(properties), name).toEqual(expect.arrayContaining([...parameters.keys()]));
      const needed = [...parameters].flatMap(([parameter, isRequired]) => (isRequired ? [parameter] : []));
      expect([...required].sort(), name).toEqual(needed.sort());
    }
  });
});

describe("a rule on a tool holds for it by its other name", () => {
  const { decide } = makePolicyPlace();
  const fetching = (name: string, tool: string, effect: "allow" | "deny", pattern?: string) => {
    const { alsoNamed } = tools.get(name) ?? {};
    const rule = { effect, tool, ...(pattern && { pattern }) };
    const input = { url: "https://example.org/a" };
    return decide({ tool: name, alsoNamed, input, sessionRules: [rule], mode: ApprovalMode.AUTO });
  };

  it.each([
    ["webfetch", "fetch"],
    ["fetch", "webfetch"],
    ["webfetch", "webfetch"],
    ["webfetch", "*"],
  ])("%s by a rule on %s", async (name, tool) => {
    expect(await fetching(name, tool, "deny")).toMatchObject({ kind: "deny" });
    expect(await fetching(name, tool, "allow")).toMatchObject({ kind: "allow" });
    if (tool === "*") return;
    expect(await fetching(name, tool, "deny", "url=https://example.org/**")).toMatchObject({ kind: "deny" });
    expect(await fetching(name, tool, "deny", "url=https://example.com/**")).toMatchObject({ kind: "allow" });
  });

  it("and not for another tool", async () => {
    expect(await fetching("webfetch", "read", "deny")).toMatchObject({ kind: "allow" });
    expect(tools.get("read")?.alsoNamed).toEqual([]);
  });
});
