import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { FakeUpstream } from "../../support/fake-upstream.js";
import { goldenDialogues } from "../../support/golden.js";
import { startServerProcess } from "../../support/server-process.js";
import { startModel } from "./model.js";

let model: FakeUpstream;
beforeAll(async () => {
  model = await startModel();
});
afterAll(() => model.close());

goldenDialogues(join(import.meta.dirname, "../../golden/wingman"), async () => {
  const { url } = await startServerProcess({ env: { ANTHROPIC_BASE_URL: model.url } });
  return url;
});
