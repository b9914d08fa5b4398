import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ErrorReason } from "../../gen/agentry/v1/error_pb.js";
import { EventSchema, RunOutcome } from "../../gen/agentry/v1/event_pb.js";
import { ListProvidersResponseSchema } from "../../gen/agentry/v1/providers_pb.js";
import { KeyAdvice } from "../../src/cli/key-advice.js";

const bare = { id: "acme", keyRequired: true };

it.each([
  ["tells", "the command where the key is missing", "acme/m", ErrorReason.INVALID, bare],
  ["hides", "it where another reason ended the run", "acme/m", ErrorReason.UNAVAILABLE, bare],
  ["hides", "it where there is a key", "acme/m", ErrorReason.INVALID, { ...bare, credential: {} }],
  ["hides", "it where none is needed", "acme/m", ErrorReason.INVALID, { ...bare, keyRequired: false }],
  ["hides", "it about a provider that is not there", "other/m", ErrorReason.INVALID, bare],
  ["hides", "what a shell would run", "$(id)/m", ErrorReason.INVALID, { ...bare, id: "$(id)" }],
])("%s %s", async (what, _case, model, reason, provider) => {
  const listProviders = async () => create(ListProvidersResponseSchema, { providers: [provider] });
  const advice = new KeyAdvice({ listProviders }, "http://127.0.0.1:2323");
  advice.see(create(EventSchema, { body: { case: "runStarted", value: { model } } }));
  const finished = { outcome: RunOutcome.FAILED, failure: { reason, message: "no" } };
  advice.see(create(EventSchema, { body: { case: "runFinished", value: finished } }));
  const expected =
    what === "tells" ? /^ {2}curl -X PUT http:\/\/127.0.0.1:2323\/v1\/providers\/acme\/cred/ : /^$/;
  expect(await advice.text()).toMatch(expected);
});
