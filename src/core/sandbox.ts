import type { Readable, Writable } from "node:stream";

/** A process to start. */
export interface SandboxCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** Absolute path of the working directory; what may be written to. */
  readonly workDir: string;
  /** The whole environment of the process: nothing of the server's own is added. */
  readonly env: Readonly<Record<string, string>>;
  /** It only reads: a sandbox that confines then lets it write nothing but temporary files. Default false. */
  readonly readOnly?: boolean;
  /** Hosts that it may reach, as in `Agent.allowed_hosts`. Default: none. */
  readonly allowedHosts?: readonly string[];
}

/** How a process ended: by itself with a code, or by a signal. */
export interface SandboxExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the sandbox ended it, when it did so on its own account: a sentence without a full stop, for the model. */
  readonly why?: string;
}

/** A process that has been started. */
export interface SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Settles when the process has ended and nothing that it started is left. Rejects when it could not start. */
  readonly exited: Promise<SandboxExit>;
  /** Ends the process and everything it started, at once. Safe to call again. */
  kill(): void;
}

/** Confines the processes of tools. */
export interface Sandbox {
  /** What is shown in events: `none`, `bwrap` … */
  readonly name: string;
  /** It confines what it starts: tools then do their work in it, file tools too. Default false. */
  readonly confines?: boolean;
  /**
   * It confines nothing though nobody chose that. Every call of a tool that is not `selfContained` then needs an
   * approval, or a rule that names the tool. Default false.
   */
  readonly mustAsk?: boolean;
  /**
   * Starts a process. When `signal` fires it is killed with everything it started. Throws a Fault when tools
   * may not run at all, saying why.
   */
  spawn(command: SandboxCommand, signal: AbortSignal): SandboxProcess;
}
