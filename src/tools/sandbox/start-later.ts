import { PassThrough } from "node:stream";
import type { SandboxProcess } from "../../core/sandbox.js";

/** A process at once, for one that takes a moment to be started. `start` is told when it is not wanted any more. */
export function startLater(
  start: (signal: AbortSignal) => Promise<SandboxProcess>,
  signal: AbortSignal,
): SandboxProcess {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const killed = new AbortController();
  const starting = start(AbortSignal.any([signal, killed.signal]));
  const exited = starting.then(
    (started) => {
      stdin.pipe(started.stdin).on("error", () => undefined);
      started.stdout.on("error", () => stdout.end()).pipe(stdout);
      started.stderr.on("error", () => stderr.end()).pipe(stderr);
      return started.exited;
    },
    (error: unknown) => {
      for (const stream of [stdout, stderr]) stream.end();
      // It was killed before it began.
      if (killed.signal.aborted || signal.aborted) return { code: null, signal: "SIGKILL" };
      throw error;
    },
  );
  // Whoever does not wait for the exit must not be ended by its failure.
  exited.catch(() => undefined);
  return { stdin, stdout, stderr, exited, kill: () => killed.abort() };
}
