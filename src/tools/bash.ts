import type { JsonObject } from "@bufbuild/protobuf";
import type { ToolOutput } from "../core/tool.js";
import { defineTool } from "./define-tool.js";
import { createOutputBuffer } from "./output-buffer.js";
import { createOutputPieces } from "./output-pieces.js";
import type { CommandEnd } from "./run-command.js";
import { runCommand } from "./run-command.js";
import { showText } from "./show-text.js";
import { toolEnvironment } from "./tool-environment.js";
import { ToolFailure } from "./tool-failure.js";
import type { ToolInput } from "./tool-input.js";
import { realWorkDir } from "./work-path.js";

const defaultTimeoutMs = 120_000;
const longestTimeoutMs = 600_000;
const outputLimit = 30_000;
/** Linux takes no argument longer than 128 KiB: MAX_ARG_STRLEN, execve(2). */
const longestCommand = 128 * 1024 - 1;

/** What an approval says of itself: a file may be another by the time that it is run. */
const covered = "Covers this command line, and not what files that it runs hold.";

const inputSchema: JsonObject = {
  type: "object",
  properties: {
    command: { type: "string", description: "The command line, given to bash -c." },
    timeout_ms: {
      type: "number",
      minimum: 1,
      description: "Milliseconds after which the command is killed. Default 120000, at most 600000.",
    },
    timeout: { type: ["number", "string"], description: 'The same, also as "30s", "5m" or "1m30s".' },
  },
  required: ["command"],
};

/** Runs a command line in the session's working directory and answers with what it printed. */
export const bashTool = defineTool({
  name: "bash",
  description:
    "Run a command line with bash in the working directory. Answers with its output, stdout and stderr in " +
    "the order they came; of more than 30,000 characters the middle is left out. There is no input and no " +
    "terminal. Processes left in the background are ended together with the command.",
  inputSchema,
  readOnly: false,
  sandboxed: true,
  summarize: (input) => `${showText(input.text("command"))}\n\n[${covered}]`,
  async run(input, context, signal) {
    const command = input.text("command");
    checkCommand(command);
    const timeoutMs = readTimeout(input);
    const workDir = await realWorkDir(context.workDir);
    const { sandbox, allowedHosts = [] } = context;
    const output = createOutputBuffer(outputLimit);
    const pieces = createOutputPieces((text, stream) => context.onOutput(text, stream));
    try {
      const end = await runCommand(
        {
          sandbox,
          command: {
            file: "bash",
            // Given a socket for its input, as here, bash thinks of rshd and would read the user's .bashrc.
            args: ["--norc", "-c", command],
            workDir,
            env: toolEnvironment(),
            allowedHosts,
          },
          timeoutMs,
          onText(raw, stream) {
            // Many a database and reader refuses the character NUL.
            const text = raw.replaceAll("\0", "\ufffd");
            output.append(text);
            pieces.push(text, stream);
          },
        },
        signal,
      );
      return answer(output.text(), output.truncated, describeEnd(end, timeoutMs), end);
    } finally {
      pieces.end();
    }
  },
});

function checkCommand(command: string): void {
  if (command.trim() === "") throw new ToolFailure("command is empty");
  if (command.includes("\0")) throw new ToolFailure("command must not hold the character NUL");
  if (Buffer.byteLength(command) > longestCommand) {
    throw new ToolFailure("command is longer than 128 KiB; write it to a file and run that");
  }
}

function answer(output: string, truncated: boolean, end: string, { timedOut }: CommandEnd): ToolOutput {
  const gap = output === "" || output.endsWith("\n") ? "" : "\n";
  const text = end === "" ? output || "(no output)" : `${output}${gap}${end}`;
  return { text, failed: end !== "", ...(timedOut && { timedOut }), ...(truncated && { truncated }) };
}

function describeEnd({ code, signal, timedOut, canceled, why }: CommandEnd, timeoutMs: number): string {
  if (timedOut) return `[timed out after ${timeoutMs} ms and was killed]`;
  if (canceled) return "[canceled and killed]";
  if (why !== undefined) return `[killed: ${why}]`;
  if (signal !== null) return `[killed by ${signal}]`;
  return code === 0 ? "" : `[exit code ${code}]`;
}

function readTimeout(input: ToolInput): number {
  const written = input.get("timeout");
  const asked =
    typeof written === "string" ? parseDuration(written) : input.number("timeout", defaultTimeoutMs);
  const milliseconds = input.number("timeout_ms", asked);
  if (!(milliseconds >= 1)) throw new ToolFailure("timeout must be at least 1 ms");
  return Math.min(milliseconds, longestTimeoutMs);
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed);
  if (!/^(\d{1,9}(\.\d{1,9})?(ms|s|m|h)){1,4}$/.test(trimmed)) {
    throw new ToolFailure('timeout must be milliseconds, or a duration such as "30s" or "5m"');
  }
  const parts = [...trimmed.matchAll(/([\d.]+)(ms|[smh])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? 0), 0);
}
