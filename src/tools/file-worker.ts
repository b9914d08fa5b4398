import { doFileOperation } from "./file-operations.js";
import type { FileWork } from "./run-file-operation.js";
import { ToolFailure } from "./tool-failure.js";

// A program of its own, run in the sandbox: it takes one operation from its input, as JSON, and answers on its
// output. Nothing of the server is in this process.
let text = "";
process.stdin.setEncoding("utf8");
for await (const piece of process.stdin) text += String(piece);
const { workDir, work }: FileWork = JSON.parse(text);
try {
  const answer = await doFileOperation(workDir, work, new AbortController().signal);
  process.stdout.write(JSON.stringify(answer));
} catch (error) {
  if (!(error instanceof ToolFailure)) throw error;
  process.stdout.write(JSON.stringify({ failure: error.message }));
}
