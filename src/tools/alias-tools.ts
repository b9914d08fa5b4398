import type { Tool } from "../core/tool.js";

/**
 * The tools, and those among them once more that are known elsewhere by other names: `names` leads from such a name
 * to ours. A rule that says one of the names is about the tool under each.
 */
export function withAliases(tools: readonly Tool[], names: ReadonlyMap<string, string>): Tool[] {
  return tools.flatMap((tool) => {
    const others = [...names].flatMap(([other, own]) => (own === tool.name ? [other] : []));
    const all = [tool.name, ...others];
    return all.map((name) => ({ ...tool, name, alsoNamed: all.filter((other) => other !== name) }));
  });
}
