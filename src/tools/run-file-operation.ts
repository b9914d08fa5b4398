import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ToolContext } from "../core/tool.js";
import type { FileAnswer, FileOperation } from "./file-operations.js";
import { doFileOperation } from "./file-operations.js";
import { runCommand } from "./run-command.js";
import { ToolFailure } from "./tool-failure.js";
import { realWorkDir } from "./work-path.js";

const timeoutMs = 60_000;
/** Longest answer: an image in base64, and as much text. */
const longestAnswer = 16 * 1024 * 1024;

/** What the program is given. */
export interface FileWork {
  readonly workDir: string;
  readonly work: FileOperation;
}

/** The program that does file operations in a sandbox. */
const fileWorker = fileURLToPath(new URL("./file-worker.js", import.meta.url));

/**
 * Does a file operation in the session's sandbox, in a process of its own, or in this process where nothing
 * confines tools. Throws a `ToolFailure` for what the model can be told.
 */
export async function runFileOperation(
  work: FileOperation,
  context: ToolContext,
  signal: AbortSignal,
): Promise<FileAnswer> {
  signal.throwIfAborted();
  if (!context.sandbox.confines) return doFileOperation(context.workDir, work, signal);
  const workDir = await realWorkDir(context.workDir);
  let [stdout, stderr] = ["", ""];
  const end = await runCommand(
    {
      sandbox: context.sandbox,
      command: {
        file: process.execPath,
        args: ["--disable-warning=ExperimentalWarning", fileWorker],
        workDir,
        env: {},
        readOnly: work.operation !== "write" && work.operation !== "edit",
      },
      input: JSON.stringify({ workDir, work } satisfies FileWork),
      timeoutMs,
      onText(text, stream) {
        if (stream === "stderr") stderr = (stderr + text).slice(0, 2_000);
        else if (stdout.length < longestAnswer) stdout += text;
      },
    },
    signal,
  );
  signal.throwIfAborted();
  if (end.timedOut) throw new ToolFailure(`the file could not be used within ${timeoutMs / 1000} s`);
  return readAnswer(stdout) ?? fail(end.why ?? stderr);
}

function fail(stderr: string): never {
  if (!existsSync(fileWorker)) throw new ToolFailure("the program for files in the sandbox is not installed");
  throw new ToolFailure(`the sandbox failed: ${stderr.trim().split("\n").pop() || "no answer"}`);
}

/** Checked as anything that comes out of a sandbox. Undefined for what is no answer. */
function readAnswer(text: string): FileAnswer | undefined {
  const answer = parse(text);
  if (typeof answer !== "object" || answer === null) return undefined;
  if ("failure" in answer && typeof answer.failure === "string") throw new ToolFailure(answer.failure);
  if (!("text" in answer && typeof answer.text === "string")) return undefined;
  const image = "image" in answer ? readImage(answer.image) : undefined;
  return {
    text: answer.text,
    ...("truncated" in answer && answer.truncated === true && { truncated: true }),
    ...("stale" in answer && answer.stale === true && { stale: true }),
    ...("fails" in answer && answer.fails === true && { fails: true }),
    ...("basis" in answer && typeof answer.basis === "string" && { basis: answer.basis }),
    ...("place" in answer && typeof answer.place === "string" && { place: answer.place }),
    ...(image && { image }),
  };
}

function readImage(image: unknown): FileAnswer["image"] {
  if (typeof image !== "object" || image === null) return undefined;
  if (!("mediaType" in image && "data" in image && "name" in image)) return undefined;
  const { mediaType, data, name } = image;
  if (typeof mediaType !== "string" || typeof data !== "string" || typeof name !== "string") return undefined;
  return { mediaType, data, name };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
