// The Connect protocol over HTTP/1.1, binary, with the generated client.
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { agentry, root } from "./agentry.mjs";

const generated = join(root, "dist/gen/agentry/v1");
const { RunOutcome } = await import(join(generated, "event_pb.js"));
const { RunService } = await import(join(generated, "run_pb.js"));
const { SessionService } = await import(join(generated, "sessions_pb.js"));

export default {
  ...agentry,
  name: "agentry-connect",
  async open(base) {
    const transport = createConnectTransport({ baseUrl: base, httpVersion: "1.1", useBinaryFormat: true });
    const context = await agentry.open(base);
    return {
      ...context,
      runs: createClient(RunService, transport),
      sessions: createClient(SessionService, transport),
    };
  },
  async sendStream(_base, { runs }, session, prompt, onDelta) {
    let outcome;
    for await (const { event } of runs.run({ sessionId: session, input: { text: prompt } })) {
      if (event?.body.case === "textDelta") onDelta(event.body.value.text);
      else if (event?.body.case === "runFinished") outcome = event.body.value.outcome;
    }
    if (outcome !== RunOutcome.COMPLETED) throw new Error(`the run ended with outcome ${outcome}`);
  },
  call: ({ sessions }, session) => sessions.getSession({ sessionId: session }),
};
