// A model server for the chaos programs. What it answers is told by the last user message: `{"steps":[…]}`.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Step
 * @property {number} deltas how many pieces of text
 * @property {number} paceMs milliseconds between two of them
 * @property {string} [piece] the text of a piece; default a short one
 * @property {number} [block] pieces of one text block; default all
 * @property {{name: string, input: object}[]} [tools] calls after the text
 */

/** Starts the model server. `faults` holds every request that a provider would have refused. */
export async function startUpstream() {
  const faults = [];
  const nextId = counter();
  const server = createServer(async (request, response) => {
    try {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString());
      const fault = historyFault(body.messages);
      if (fault) faults.push(fault);
      response.writeHead(200, { "content-type": "text/event-stream" });
      await answer(response, body, nextId);
    } catch (error) {
      response.destroy(error);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    faults,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const text = ({ content }) =>
  typeof content === "string" ? content : content.map((block) => block.text ?? "").join("");
const blocks = ({ content }, type) =>
  typeof content === "string" ? [] : content.filter((block) => block.type === type);

/** Why a provider would refuse a history: each tool_use wants its tool_result in the message right after. */
export function historyFault(messages) {
  if (messages[0]?.role !== "user") return "the first message is not the user's";
  for (const [i, message] of messages.entries()) {
    const calls = blocks(message, "tool_use").map(({ id }) => id);
    const next = messages[i + 1];
    const results = next ? blocks(next, "tool_result").map(({ tool_use_id }) => tool_use_id) : [];
    if (calls.join() !== results.join()) return `calls ${calls} of message ${i} have the results ${results}`;
    if (message.content.length === 0) return `message ${i} is empty`;
  }
  return undefined;
}

/** The step to answer with: one for each model call since the message that holds the script. */
function stepOf(messages) {
  const at = messages.findLastIndex(
    (message) => message.role === "user" && text(message).includes('"steps"'),
  );
  // A message that was not answered before a crash is in one message with the next.
  const said = text(messages[at]);
  const json = said.slice(said.lastIndexOf('{"steps"'));
  const done = messages.slice(at).filter(({ role }) => role === "assistant").length;
  return JSON.parse(json).steps[done] ?? { deltas: 1, paceMs: 0 };
}

async function answer(response, { messages, system }, newId) {
  const title = JSON.stringify(system ?? "").includes("title");
  const {
    deltas,
    paceMs,
    piece = "piece ",
    block = deltas,
    tools = [],
  } = title ? { deltas: 1, paceMs: 0 } : stepOf(messages);
  const send = (event) => response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  send({
    type: "message_start",
    message: { id: "m", role: "assistant", usage: { input_tokens: 1, output_tokens: 1 } },
  });
  const from = performance.now();
  let index = -1;
  for (let i = 0; i < deltas && !response.destroyed; i += 1) {
    if (i % block === 0) {
      if (index >= 0) send({ type: "content_block_stop", index });
      index += 1;
      send({ type: "content_block_start", index, content_block: { type: "text", text: "" } });
    }
    const flows = send({ type: "content_block_delta", index, delta: { type: "text_delta", text: piece } });
    const early = from + (i + 1) * paceMs - performance.now();
    if (early > 0) await sleep(early);
    else if (!flows) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  if (index >= 0) send({ type: "content_block_stop", index });
  for (const { name, input } of tools) {
    index += 1;
    send({
      type: "content_block_start",
      index,
      content_block: { type: "tool_use", id: newId(), name, input: {} },
    });
    const json = JSON.stringify(input);
    for (const part of [json.slice(0, 9), json.slice(9)])
      send({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: part } });
    send({ type: "content_block_stop", index });
  }
  const reason = tools.length > 0 ? "tool_use" : "end_turn";
  send({ type: "message_delta", delta: { stop_reason: reason }, usage: { output_tokens: deltas } });
  send({ type: "message_stop" });
  response.end();
}

function counter() {
  let last = 0;
  return () => {
    last += 1;
    return `toolu_${last}`;
  };
}
