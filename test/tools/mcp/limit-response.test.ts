import { describe, expect, it } from "vitest";
import { limitResponse } from "../../../src/tools/mcp/limit-response.js";
import { longestMessage } from "../../../src/tools/mcp/longest-message.js";

const line = `data: ${"x".repeat(1018)}`;
const lines = longestMessage / 1024;

function read(body: string, type = "text/event-stream"): Promise<string> {
  return limitResponse(new Response(body, { headers: { "content-type": type } })).text();
}

describe("an answer of a server", () => {
  describe.each([["\n"], ["\r"], ["\r\n"]])("with lines that end in %j", (end) => {
    it("may be long when its events are short", async () => {
      const stream = `${line}${end}${end}`.repeat(lines + 2);
      expect((await read(stream)).length).toBe(stream.length);
    });

    it("breaks where an event of many lines is too long", async () => {
      await expect(read(`${line}${end}`.repeat(lines + 2))).rejects.toThrow("longer than 4194304 bytes");
    });
  });

  it("that is no stream is limited as a whole", async () => {
    await expect(read(`${line}\n\n`.repeat(lines + 2), "application/json")).rejects.toThrow("longer than");
  });
});
