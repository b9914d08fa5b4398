import type { Tool } from "../core/tool.js";
import { bashTool } from "./bash.js";
import { editTool } from "./edit.js";
import { fetchTool } from "./fetch.js";
import { globTool } from "./glob.js";
import { grepTool } from "./grep.js";
import { memoryTool } from "./memory.js";
import { readTool } from "./read.js";
import { thinkTool } from "./think.js";
import { todoTool } from "./todo.js";
import { userPromptTool } from "./user-prompt.js";
import { writeTool } from "./write.js";

/** The tools that every server has. */
export function builtinTools(): Tool[] {
  const work = [bashTool, editTool, globTool, grepTool, readTool, writeTool];
  return [...work, fetchTool, memoryTool, thinkTool, todoTool, userPromptTool];
}
