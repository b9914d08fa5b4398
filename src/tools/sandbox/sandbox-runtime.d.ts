// What is used of an optional dependency: this compiles where it is not installed.
declare module "@anthropic-ai/sandbox-runtime" {
  /** A path as it is, with no character of a pattern in it. */
  interface LiteralPath {
    path: string;
    literal: true;
  }

  interface FilesystemConfig {
    denyRead: LiteralPath[];
    allowRead?: LiteralPath[];
    allowWrite: LiteralPath[];
    denyWrite: LiteralPath[];
  }

  interface RuntimeConfig {
    network: { allowedDomains: string[]; deniedDomains: string[]; deniedResolvedAddresses?: string[] };
    filesystem: FilesystemConfig;
  }

  /** One for a process: so are its configuration and its proxy. */
  export const SandboxManager: {
    initialize(config: RuntimeConfig): Promise<void>;
    /** The line for a shell that runs a line in the sandbox. */
    wrapWithSandbox(
      line: string,
      shell: string,
      config: { filesystem: FilesystemConfig },
      signal: AbortSignal,
      options: { commandId: string },
    ): Promise<string>;
    /** What the command of this id may reach, beside what the configuration allows. */
    registerCommandNetworkLists(commandId: string, lists: { allowedDomains: string[] }): void;
    unregisterCommandNetworkLists(commandId: string): void;
    checkDependencies(): { errors: string[] };
    reset(): Promise<void>;
  };
}
