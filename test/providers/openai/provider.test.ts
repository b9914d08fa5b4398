import { chatAnswer } from "../../support/fake-upstream.js";
import { providerSuite } from "../../support/provider-suite.js";
import { openRegistry } from "../open-registry.js";

for (const id of ["openai", "mistral", "my-own"]) {
  providerSuite(`OpenAI Chat as ${id}`, async (url) => {
    const registry = openRegistry({ secrets: { [id]: { origin: url, baseUrl: `${url}/v1` } } });
    const call = (callId: string, path: string) => ({ id: callId, name: "read", input: { path } });
    return {
      provider: await registry.get(id),
      wire: {
        text: chatAnswer(["Hello there."]),
        parallelTools: chatAnswer([call("call_1", "a"), call("call_2", "b")]),
        refusal: chatAnswer(["I cannot"], undefined, "content_filter"),
        empty: chatAnswer([]),
        cached: chatAnswer(["Hi"], {
          prompt_tokens: 140,
          completion_tokens: 7,
          total_tokens: 147,
          prompt_tokens_details: { cached_tokens: 40 },
        }),
        written: 0,
        overload: JSON.stringify({ error: { message: "Slow down", type: "rate_limit_error", code: null } }),
      },
    };
  });
}
