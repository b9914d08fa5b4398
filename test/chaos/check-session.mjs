// What must hold of a session after its server was killed.

const pairs = { text: "index", reasoning: "index", tool_input: "index", step: "step" };

/** Every way in which a session breaks what the protocol promises. Empty when all is well. */
export function sessionFaults({ events, received, confirmed, messages }) {
  const bodies = events.map(({ data }) => JSON.parse(data));
  return [
    ...lost(events, received),
    ...forgotten(bodies, confirmed),
    ...gaps(events),
    ...unfinished(events),
    ...drifted(bodies, messages),
    ...unanswered(messages),
  ];
}

/** Received events that are not in the history as they were received. */
function lost(events, received) {
  const stored = new Map(events.map((event) => [event.id, event]));
  return received
    .filter(({ id, data }) => stored.get(id)?.data !== data)
    .map(({ id, name }) => `event ${id} (${name}) was received but is not in the history`);
}

/** Verdicts that the server had confirmed and that are not in the history. */
function forgotten(bodies, confirmed) {
  const resolved = bodies.flatMap(({ approval_resolved }) => approval_resolved?.approval ?? []);
  return confirmed
    .filter(({ id, state }) => !resolved.some((one) => one.id === id && one.state === state))
    .map(({ id }) => `the verdict on ${id} was confirmed but is gone`);
}

/** Messages that are not as the events tell them. */
function drifted(bodies, messages) {
  const told = bodies.flatMap(({ message_added }) => message_added?.message ?? []);
  return JSON.stringify(told) === JSON.stringify(messages)
    ? []
    : ["the messages are not those of the events"];
}

function gaps(events) {
  return events.flatMap(({ id }, i) => (id === i + 1 ? [] : [`position ${i + 1} holds event ${id}`]));
}

/** Items of a run that have begun and not finished, and runs without exactly one end, last. */
function unfinished(events) {
  const faults = [];
  const bodies = events.map(({ name, data }) => ({ name, ...JSON.parse(data) }));
  for (const runId of new Set(bodies.flatMap(({ run_id }) => (run_id ? [run_id] : [])))) {
    const names = bodies.filter(({ run_id }) => run_id === runId).map(({ name }) => name);
    const count = (wanted) => names.filter((name) => name === wanted).length;
    if (count("run_started") !== 1 || names[0] !== "run_started")
      faults.push(`run ${runId} begins with ${names[0]}`);
    if (count("run_finished") !== 1 || names.at(-1) !== "run_finished")
      faults.push(`run ${runId} ends with ${names.at(-1)}`);
    for (const kind of [...Object.keys(pairs), "tool_call"]) {
      const [begun, ended] = [count(`${kind}_started`), count(`${kind}_finished`)];
      if (begun !== ended)
        faults.push(`run ${runId} has ${begun} ${kind}_started and ${ended} ${kind}_finished`);
    }
    if (count("approval_requested") !== count("approval_resolved"))
      faults.push(`run ${runId} has an open approval`);
  }
  return faults;
}

/** Tool calls without a result in the message right after. */
function unanswered(messages) {
  return messages.flatMap(({ parts = [], index }, i) => {
    const ids = parts.flatMap(({ tool_call }) => (tool_call ? [tool_call.id] : []));
    const next = messages[i + 1]?.parts ?? [];
    const results = next.flatMap(({ tool_result }) => (tool_result ? [tool_result.tool_call_id] : []));
    return ids.length === 0 || ids.join() === results.join()
      ? []
      : [`message ${index}: calls ${ids}, results ${results}`];
  });
}
