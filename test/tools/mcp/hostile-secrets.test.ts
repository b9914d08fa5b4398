import { join } from "node:path";
import { expect, it } from "vitest";
import { never, openMcpPlace, stdio } from "./mcp-place.js";

const program = join(import.meta.dirname, "programs/raw-server.mjs");
const secret = "token-0123456789";
const done = 'send({ id: request.id, result: text("done") });';

it.each([
  ["a result", `send({ id: request.id, result: text("it is ${secret}") });`],
  [
    "a result that is cut there",
    `const half = "x".repeat(20_000).slice(0, 20_000 - 5_009);
     send({ id: request.id, result: text(half + "${secret}" + "y".repeat(50_000)) });`,
  ],
  [
    "progress",
    `send({ method: "notifications/progress", params: { progressToken: request.params._meta.progressToken, progress: 1,
       message: "x".repeat(493) + "${secret}" } }); ${done}`,
  ],
  [
    "a question",
    `send({ id: 1, method: "elicitation/create", params: { message: "x".repeat(3_995) + "${secret}",
       requestedSchema: { type: "object", properties: {} } } }); setTimeout(() => { ${done} }, 200);`,
  ],
  ["an error", `send({ id: request.id, error: { code: 1, message: "x".repeat(275) + "${secret}" } });`],
])("a server cannot show a secret in %s", async (_what, act) => {
  const place = openMcpPlace(program);
  place.redactor.add(secret);
  const { text } = await place.call("act", "", never, stdio({ env: { ACT: act } }));
  const shown = text + place.output.join("") + JSON.stringify(place.contextAsked);
  expect(shown).toMatch(/secret|done|left out/);
  expect(shown).not.toContain("tok");
  expect(shown).not.toContain("6789");
});
