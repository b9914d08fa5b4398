import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { ScriptOptions } from "../scripted-server.js";
import { createScriptedServer } from "../scripted-server.js";

// Speaks MCP on its standard input and output. SCRIPT may hold options in JSON; its arguments are for who looks at it.
process.stdout.write("Starting up, as many a server says.\n");
const options = JSON.parse(process.env.SCRIPT ?? "{}") as ScriptOptions;
await createScriptedServer(options).connect(new StdioServerTransport());
