import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { errorCode } from "../core/error-code.js";
import { Fault } from "../core/fault.js";
import type { Sandbox, SandboxCommand, SandboxExit, SandboxProcess } from "../core/sandbox.js";
import type { OutputStream } from "../core/tool.js";
import { createPace } from "./pace.js";
import { ToolFailure } from "./tool-failure.js";

/** A command to run to its end. */
export interface CommandRun {
  readonly sandbox: Sandbox;
  readonly command: SandboxCommand;
  readonly timeoutMs: number;
  /** Its input. Default: none. */
  readonly input?: string;
  /** Given the output piece by piece, in the order it arrives; a character is never cut in two. */
  onText(text: string, stream: OutputStream): void;
}

/** How a command ended. */
export interface CommandEnd extends SandboxExit {
  /** It was killed because its time was up. */
  readonly timedOut: boolean;
  /** It was killed because the signal fired. */
  readonly canceled: boolean;
}

/** How long the output may stay open, without a byte, once everything that was started has ended. */
const drainMs = 500;

/**
 * Runs a command in the sandbox until it and all its children have ended, its time is up
 * or `signal` fires. Memory stays bounded and other work gets its turn however much it prints. Throws a
 * `ToolFailure` when it cannot be started.
 */
export async function runCommand(run: CommandRun, signal: AbortSignal): Promise<CommandEnd> {
  const process = startCommand(run, signal);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    process.kill();
  }, run.timeoutMs);
  try {
    process.stdin.on("error", () => undefined);
    process.stdin.end(run.input ?? "");
    const reading = [
      readText(process.stdout, (text) => run.onText(text, "stdout")),
      readText(process.stderr, (text) => run.onText(text, "stderr")),
    ];
    const exit = await process.exited.catch((error: unknown) => {
      throw cannotStart(error);
    });
    await Promise.all(reading.map((reader) => reader.drained(drainMs)));
    return { ...exit, timedOut, canceled: signal.aborted && !timedOut };
  } finally {
    clearTimeout(timer);
    process.kill();
    process.stdout.destroy();
    process.stderr.destroy();
  }
}

function startCommand(run: CommandRun, signal: AbortSignal): SandboxProcess {
  signal.throwIfAborted();
  try {
    return run.sandbox.spawn(run.command, signal);
  } catch (error) {
    throw cannotStart(error);
  }
}

function cannotStart(error: unknown): ToolFailure {
  if (error instanceof Fault) return new ToolFailure(error.message);
  const code = errorCode(error) || "unknown error";
  return new ToolFailure(`the command could not be started: ${code}`);
}

interface TextReader {
  /** Waits for the end of the stream, or until no byte has come for so long. */
  drained(quietMs: number): Promise<void>;
}

function readText(stream: Readable, onText: (text: string) => void): TextReader {
  const pace = createPace();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let bytes = 0;
  let ended = false;
  const emit = (text: string): void => {
    if (text !== "") onText(text);
  };
  const reading = (async () => {
    for await (const chunk of stream) {
      const data: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      bytes += data.length;
      emit(decoder.decode(data, { stream: true }));
      await pace(data.length);
    }
  })()
    // Destroyed by us, or broken: what has come so far counts.
    .catch(() => undefined)
    .finally(() => {
      ended = true;
      emit(decoder.decode());
    });
  return {
    async drained(quietMs) {
      let seen = -1;
      while (!ended && seen !== bytes) {
        seen = bytes;
        await Promise.race([reading, delay(quietMs, undefined, { ref: false })]);
      }
    },
  };
}
