/** What the files of one folder of `src` may import. */
export interface FolderRule {
  /** Other folders of `src`. A folder may always import itself. */
  readonly folders: readonly string[];
  /** Folders of `gen`; `*` is all of them. `own` is the one with the name of the folder inside this one. */
  readonly gen: readonly string[];
}

/** The import table of the house. `main` is the file `src/main.ts`. */
export const importTable: Readonly<Record<string, FolderRule>> = {
  core: { folders: [], gen: ["agentry"] },
  store: { folders: ["core"], gen: ["agentry"] },
  providers: { folders: ["core"], gen: ["agentry"] },
  tools: { folders: ["core"], gen: ["agentry"] },
  engine: { folders: ["core"], gen: ["agentry"] },
  services: { folders: ["core", "engine"], gen: ["agentry"] },
  compat: { folders: ["core", "services"], gen: ["agentry", "own"] },
  transcode: { folders: [], gen: ["google", "transcode"] },
  server: {
    folders: ["core", "store", "providers", "tools", "engine", "services", "compat", "transcode", "web"],
    gen: ["*"],
  },
  cli: { folders: ["core", "server"], gen: ["agentry"] },
  web: { folders: [], gen: ["agentry"] },
  main: { folders: ["cli"], gen: [] },
};

/** Folders whose inner folders do not know each other. */
export const strangers: readonly string[] = ["compat"];

/** Where a package may be imported: path prefixes. `types` is where only its types may be. */
export interface PackageRule {
  readonly values: readonly string[];
  readonly types?: readonly string[];
}

/** Every package that `src` may import. */
export const packageTable: Readonly<Record<string, PackageRule>> = {
  "@bufbuild/protobuf": { values: ["src/"] },
  "@connectrpc/connect": {
    values: ["src/transcode/", "src/server/", "src/cli/", "src/web/"],
    types: ["src/services/"],
  },
  "@connectrpc/connect-node": { values: ["src/server/", "src/cli/"] },
  "@anthropic-ai/sandbox-runtime": { values: ["src/tools/sandbox/"] },
  "@anthropic-ai/sdk": { values: ["src/providers/anthropic/"] },
  "@modelcontextprotocol/sdk": { values: ["src/tools/mcp/"] },
  "@vscode/ripgrep": { values: ["src/tools/"] },
  "better-sqlite3": { values: ["src/store/sqlite/"] },
  commander: { values: ["src/cli/"] },
  openai: { values: ["src/providers/openai/"] },
  pino: { values: ["src/server/"] },
  unbash: { values: ["src/tools/policy/"] },
  yaml: { values: ["src/providers/", "src/compat/", "src/server/", "src/cli/"] },
};

/** Modules of Node that do I/O: not for `core`, unless for a type. */
export const inputOutput: readonly string[] = [
  "child_process",
  "cluster",
  "dgram",
  "fs",
  "http",
  "http2",
  "https",
  "net",
  "sqlite",
  "tls",
  "worker_threads",
];
