// An MCP server by hand. ACT holds JavaScript that is run for each call of its only tool, LIST the result of a list of tools, SAYS what it
// says of itself.
import { createInterface } from "node:readline";

const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const text = (value) => ({ content: [{ type: "text", text: value }] });
const act = new Function("send", "request", "text", process.env.ACT ?? "");
const tool = (name, more) => ({ name, inputSchema: { type: "object" }, ...more });
const says = new Function(`return ${process.env.SAYS ?? "{}"}`);
const list = new Function("tool", "cursor", `return ${process.env.LIST ?? '{ tools: [tool("act")] }'}`);
createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  switch (request.method) {
    case "initialize": {
      const { protocolVersion } = request.params;
      const serverInfo = { name: "raw", version: "1", ...says() };
      return send({ id: request.id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } });
    }
    case "tools/list":
      return send({ id: request.id, result: list(tool, request.params?.cursor) });
    case "tools/call":
      return act(send, request, text);
  }
});
