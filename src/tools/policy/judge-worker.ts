import { parentPort } from "node:worker_threads";
import type { CommandQuestion } from "./judge-command.js";
import { judgeCommand } from "./judge-command.js";

// The entry of the thread that analyses command lines: a question in, a verdict out, one at a time.
// The first one is its own, so that what compiles once does not count for a caller.
judgeCommand({
  command: "a | b 'c' $(d) \"e\" <<E\nf\nE",
  allow: [],
  watch: [{ vouched: false, words: [] }],
});
parentPort?.on("message", (question: CommandQuestion) => parentPort?.postMessage(judgeCommand(question)));
parentPort?.postMessage("ready");
