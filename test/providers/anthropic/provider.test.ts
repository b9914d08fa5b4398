import { anthropicAnswer } from "../../support/fake-upstream.js";
import { providerSuite } from "../../support/provider-suite.js";
import { openRegistry } from "../open-registry.js";

providerSuite("Anthropic Messages", async (url) => {
  const registry = openRegistry({ secrets: { anthropic: { origin: url, baseUrl: url } } });
  const call = (id: string, path: string) => ({ id, name: "read", input: { path } });
  return {
    provider: await registry.get("anthropic"),
    wire: {
      text: anthropicAnswer(["Hello there."]),
      parallelTools: anthropicAnswer([call("toolu_1", "a"), call("toolu_2", "b")]),
      refusal: anthropicAnswer(["I cannot"], undefined, "refusal"),
      empty: anthropicAnswer([]),
      cached: anthropicAnswer(["Hi"], {
        input_tokens: 100,
        cache_read_input_tokens: 40,
        cache_creation_input_tokens: 20,
        output_tokens: 7,
      }),
      written: 20,
      overload: JSON.stringify({ type: "error", error: { type: "rate_limit_error", message: "Slow down" } }),
    },
  };
});
