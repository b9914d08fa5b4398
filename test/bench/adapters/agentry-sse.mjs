// REST and server-sent events.
import { sse } from "../lib.mjs";
import { agentry } from "./agentry.mjs";

export default {
  ...agentry,
  name: "agentry-sse",
  async sendStream(base, _context, session, prompt, onDelta) {
    let end;
    await sse(`${base}/v1/sessions/${session}:run`, {
      method: "POST",
      body: { input: { text: prompt } },
      onEvent(data, name) {
        if (name === "text_delta") onDelta(JSON.parse(data).text_delta.text);
        else if (name === "run_finished" || name === "error") end = data;
      },
    });
    if (!end?.includes("RUN_OUTCOME_COMPLETED")) throw new Error(`the run ended with ${end?.slice(0, 300)}`);
  },
};
