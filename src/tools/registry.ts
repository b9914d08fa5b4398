import type { ToolDefinition } from "../core/model-provider.js";
import type { Tool } from "../core/tool.js";

/** The tools of a server, by name. */
export interface ToolRegistry {
  /** The tool of that name, undefined when there is none. */
  get(name: string): Tool | undefined;
  /** All tools, by name: always the same order, so that a provider's prompt cache holds. */
  list(): readonly Tool[];
  /** What a model is told of the named tools, by name, each once. Unknown names are left out. */
  definitions(names: readonly string[]): ToolDefinition[];
}

/** A registry of these tools. Throws when two have the same name. */
export function createToolRegistry(tools: readonly Tool[]): ToolRegistry {
  const sorted = [...tools].sort((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map(sorted.map((tool) => [tool.name, tool]));
  if (byName.size !== sorted.length) throw new Error("two tools have the same name");
  return {
    get: (name) => byName.get(name),
    list: () => sorted,
    definitions(names) {
      const wanted = new Set(names);
      return sorted
        .filter((tool) => wanted.has(tool.name))
        .map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
    },
  };
}
