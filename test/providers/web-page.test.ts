import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FakeUpstream } from "../support/fake-upstream.js";
import { anthropicAnswer, chatAnswer, startFakeUpstream } from "../support/fake-upstream.js";
import { collect, modelRequest, openRegistry } from "./open-registry.js";

const headers = { "content-type": "text/html; charset=utf-8" };
const page = "<!doctype html>\n<html><head><title>Welcome</title></head>\n\n<body>data: none</body></html>\n";

describe.each([
  { id: "anthropic", base: "", body: anthropicAnswer(["Hello."]) },
  { id: "openai", base: "/v1", body: chatAnswer(["Hello."]) },
])("$id at the address of a web site", ({ id, base, body }) => {
  let upstream: FakeUpstream;
  beforeAll(async () => {
    upstream = await startFakeUpstream();
  });
  afterAll(() => upstream.close());

  const ask = async () => {
    const secrets = { [id]: { origin: upstream.url, baseUrl: upstream.url + base } };
    const provider = await openRegistry({ secrets }).get(id);
    return collect(provider.stream(modelRequest(), new AbortController().signal));
  };

  it.each([page, "", "<html>"])("says what came: %j", async (text) => {
    upstream.answer({ headers, body: text });
    const { error } = await ask();
    expect(error).toMatchObject({ reason: "unavailable", detail: { retryable: false, provider: id } });
    expect(String(error)).toMatch(/answered with a web page: correct its base_url/);
  });

  it("reads events under a wrong name", async () => {
    upstream.answer({ headers, body });
    const { events, error } = await ask();
    expect(error).toBeUndefined();
    expect(events.at(-1)?.type).toBe("finish");
  });
});
