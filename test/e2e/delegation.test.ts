import { describe, expect, it } from "vitest";
import type { UpstreamAnswer, UpstreamRequest } from "../support/fake-upstream.js";
import { anthropicAnswer } from "../support/fake-upstream.js";
import type { Place, SentEvent } from "./place.js";
import { historyFault, openPlace, parseEvents, script } from "./place.js";

const auto = { approval_mode: "APPROVAL_MODE_AUTO" };
const task = (agent: string, text: string): UpstreamAnswer => ({
  body: anthropicAnswer([{ id: "", name: "transfer_task", input: { agent, task: text } }]),
});
const says = (text: string): UpstreamAnswer => ({ body: anthropicAnswer([text]) });

/** A server whose lead gives a task to a helper; each answers by its own script. */
async function openPair(
  helper: (request: UpstreamRequest) => UpstreamAnswer,
  lead = script(task("Helper", "x"), says("done")),
) {
  const place = await openPlace();
  place.upstream.answer((request) =>
    JSON.stringify(request.json.system).includes("You help.") ? helper(request) : lead(request),
  );
  const model = { provider: "anthropic", name: "fake-1" };
  const create = async (agent: object): Promise<string> =>
    (await place.call("POST", "/v1/agents", { model, ...agent })).body.id;
  const helperId = await create({ name: "Helper", instructions: "You help.", tools: ["bash"] });
  const leadId = await create({
    name: "Lead",
    instructions: "You lead.",
    delegates: [{ agent_id: helperId }],
  });
  return {
    place,
    open: (extra: object = auto) => place.session({ agent_id: leadId, ...extra }),
    children: async (session: string) =>
      (await place.call("GET", `/v1/sessions?parent_session_id=${session}`)).body.sessions ?? [],
  };
}

/** The copied events of a log, as the child's own stream would send them. */
function copied(events: readonly SentEvent[]): object[] {
  return events.flatMap(({ name, data }) =>
    name === "child_event" ? [JSON.parse(data).child_event.event] : [],
  );
}

const own = (events: readonly SentEvent[]): object[] => events.map(({ data }) => JSON.parse(data));

async function childWorks(place: Place, session: string): Promise<void> {
  await expect
    .poll(async () => JSON.stringify(copied(await place.history(session))), { timeout: 10_000 })
    .toContain("step_started");
}

describe("a server that is killed while a child works", () => {
  it("closes both runs, and shows the child's whole log in its parent's", async () => {
    const half = { body: anthropicAnswer(["half of an answer"]), cutAt: 500, end: "stall" } as const;
    const { place, open, children } = await openPair(() => half);
    const session = await open();
    const { id } = (await place.start(session, "go")).body;
    await childWorks(place, session);
    const before = await place.history(session);
    await place.server.kill();
    await place.restart();
    expect((await place.finished(id)).outcome).toBe("RUN_OUTCOME_INTERRUPTED");
    const [child] = await children(session);
    const after = await place.history(session);
    expect(after.slice(0, before.length)).toEqual(before);
    expect(copied(after)).toEqual(own(await place.history(child.id)));
    expect(copied(after).at(-1)).toMatchObject({ run_finished: { outcome: "RUN_OUTCOME_INTERRUPTED" } });
    expect(after.map(({ name }) => name).slice(-3)).toEqual([
      "tool_call_finished",
      "message_added",
      "run_finished",
    ]);
    place.upstream.answer(says("going on"));
    await place.finished((await place.start(session, "and now?")).body.id);
    expect(historyFault(place.upstream.requests.at(-1) as never)).toBeUndefined();
  });
});

describe("a stream of a parent", () => {
  it("that is cut among a child's events goes on with each of them once", async () => {
    const text = Array.from({ length: 40 }, (_, i) => `word ${i} `);
    const { place, open, children } = await openPair(() => says(text.join("")));
    const session = await open();
    const { id } = (await place.start(session, "go")).body;
    const received: SentEvent[] = [];
    while (received.at(-1)?.name !== "run_finished") {
      const controller = new AbortController();
      const position = String(received.at(-1)?.id ?? 0);
      const response = await fetch(`${place.server.url}/v1/runs/${id}/events`, {
        headers: { accept: "text/event-stream", "last-event-id": position },
        signal: controller.signal,
      });
      received.push(...(await firstEvents(response, 5)));
      controller.abort();
    }
    expect(received).toEqual(await place.history(session));
    const [child] = await children(session);
    expect(copied(received)).toEqual(own(await place.history(child.id)));
    expect(copied(received).length).toBeGreaterThan(8);
  });

  it("shows an approval of the child, which is given by its id", async () => {
    const command = { id: "", name: "bash", input: { command: "echo approved" } };
    const { place, open, children } = await openPair(
      script({ body: anthropicAnswer([command]) }, says("ran it")),
    );
    const session = await open({});
    const { id } = (await place.start(session, "go")).body;
    const asked = async (): Promise<string | undefined> =>
      copied(await place.history(session)).flatMap((event) =>
        "approval_requested" in event
          ? [(event.approval_requested as { approval: { id: string } }).approval.id]
          : [],
      )[0];
    await expect.poll(asked, { timeout: 10_000 }).toBeDefined();
    const approvalId = await asked();
    expect((await place.getRun(id)).state).toBe("RUN_STATE_RUNNING");
    const listed = (await place.call("GET", `/v1/sessions/${session}/approvals`)).body.approvals;
    expect(listed.map((approval: { id: string }) => approval.id)).toEqual([approvalId]);
    const verdict = { verdict: "VERDICT_APPROVE" };
    expect((await place.call("POST", `/v1/approvals/${approvalId}:resolve`, verdict)).status).toBe(200);
    expect((await place.finished(id)).outcome).toBe("RUN_OUTCOME_COMPLETED");
    const [child] = await children(session);
    expect(copied(await place.history(session))).toEqual(own(await place.history(child.id)));
    expect(JSON.stringify(await place.history(child.id))).toContain("approved");
  });
});

describe("a child session", () => {
  it("is listed under its parent alone, takes no run, and goes with its parent", async () => {
    const { place, open, children } = await openPair(() => says("helped"));
    const session = await open();
    await place.finished((await place.start(session, "go")).body.id);
    const [child] = await children(session);
    expect(child).toMatchObject({ parent_session_id: session, title: "x" });
    const all = (await place.call("GET", "/v1/sessions")).body.sessions.map(({ id }: { id: string }) => id);
    expect(all).toContain(session);
    expect(all).not.toContain(child.id);
    expect(JSON.stringify((await place.call("GET", "/sessions")).body)).not.toContain(child.id);
    expect((await place.start(child.id, "go")).status).toBe(409);
    expect((await place.call("DELETE", `/v1/sessions/${session}`)).status).toBe(200);
    expect((await place.call("GET", `/v1/sessions/${child.id}`)).status).toBe(404);
  });
});

/** The first events of a stream, or all of a shorter one. */
async function firstEvents(response: Response, count: number): Promise<SentEvent[]> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const events = parseEvents(text.slice(0, text.lastIndexOf("\n\n") + 2));
    if (events.length >= count) return events.slice(0, count);
  }
  return parseEvents(text);
}
