import type { Tool } from "../core/tool.js";
import { bashTool } from "./bash.js";
import { editTool } from "./edit.js";
import { globTool } from "./glob.js";
import { grepTool } from "./grep.js";
import { readTool } from "./read.js";
import { writeTool } from "./write.js";

/** The tools that every server has. */
export function builtinTools(): Tool[] {
  return [bashTool, editTool, globTool, grepTool, readTool, writeTool];
}
