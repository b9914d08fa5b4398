import { expect, it } from "vitest";
import { openPlace } from "./place.js";

const path = "/v1/providers/anthropic/credential";

it("an empty key does not take the place of a stored one", async () => {
  const place = await openPlace();
  for (const body of [{}, { api_key: "" }]) {
    const refused = await place.call("PUT", path, body);
    expect(refused).toMatchObject({ status: 400, body: { reason: "invalid" } });
    expect(refused.body.message).toContain("api_key");
  }
  const { credential } = (await place.call("GET", "/v1/providers/anthropic")).body;
  expect(credential).toMatchObject({ origin: new URL(place.upstream.url).origin });
});

it("an empty key is stored where none is needed, and beside an address", async () => {
  const place = await openPlace();
  expect(await place.call("PUT", "/v1/providers/ollama/credential", {})).toMatchObject({ status: 200 });
  expect(await place.call("PUT", path, { base_url: place.upstream.url })).toMatchObject({ status: 200 });
});
