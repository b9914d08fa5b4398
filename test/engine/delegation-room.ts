import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { AgentSchema, DelegateMode } from "../../gen/agentry/v1/agents_pb.js";
import { AgentSchema as Schema } from "../../gen/agentry/v1/agents_pb.js";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import type { Rule } from "../../gen/agentry/v1/rule_pb.js";
import { RuleEffect, RuleSchema } from "../../gen/agentry/v1/rule_pb.js";
import type { ApprovalMode, Session } from "../../gen/agentry/v1/sessions_pb.js";
import { ApprovalMode as Mode, SessionSchema } from "../../gen/agentry/v1/sessions_pb.js";
import { newId } from "../../src/core/id.js";
import type { ModelRequest } from "../../src/core/model-provider.js";
import type { RoomOptions, Script } from "./room.js";
import { calls, openRoom, says } from "./room.js";

type AgentInit = MessageInitShape<typeof AgentSchema> & object;

/** An agent of a team: what its model says, by how often it has answered since the last message of the user. */
export interface Member extends Omit<AgentInit, "delegates" | "tools" | "$typeName"> {
  readonly script?: Script;
  /** Names of the members that it gives work to. */
  readonly gives?: Readonly<Record<string, DelegateMode>>;
  readonly tools?: string[];
}

/** A room whose agents are named, and know each other. */
export async function openTeam(members: Readonly<Record<string, Member>>, options: RoomOptions = {}) {
  const room = await openRoom((request, number, signal) => {
    const script = members[request.system]?.script ?? (() => says(`${request.system} is done.`));
    return script(request, turns(request, number), signal);
  }, options);
  const ids = Object.fromEntries(Object.keys(members).map((name) => [name, newId()]));
  for (const [name, { script: _, gives = {}, ...init }] of Object.entries(members)) {
    await room.store.agents.insert(
      create(Schema, {
        id: ids[name]!,
        name,
        instructions: name,
        model: { provider: "fake", name: "one" },
        delegates: Object.entries(gives).map(([to, mode]) => ({ agentId: ids[to]!, mode })),
        ...(init as object),
      }),
    );
  }
  return {
    ...room,
    ids,
    /** A session of the first member. */
    async open(mode: ApprovalMode = Mode.AUTO, rules: Rule[] = []): Promise<string> {
      const id = newId();
      const agentId = Object.values(ids)[0]!;
      const init = { id, agentId, title: "Given", approvalMode: mode, rules, usage: {}, workDir: "/tmp" };
      await room.store.sessions.insert(create(SessionSchema, init));
      return id;
    },
    children: async (sessionId: string): Promise<Session[]> =>
      (await room.store.sessions.list({ limit: 100 }, sessionId)).items.toReversed(),
  };
}

export type Team = Awaited<ReturnType<typeof openTeam>>;

/** The answer of a model to a request: 1 for the first since the last message of the user. */
function turns({ messages }: ModelRequest, number: number): number {
  const from = messages.findLastIndex(({ role }) => role === 1);
  return from < 0 ? number : messages.length - from === 1 ? 1 : (messages.length - from + 1) / 2;
}

/** Gives these tasks at once, then says what it was told. */
export function gives(...tasks: readonly (readonly [agent: string, task: string])[]): Script {
  return (request, turn) =>
    turn === 1
      ? calls(...tasks.map(([agent, task]) => ({ name: "transfer_task", input: { agent, task } })))
      : says(`Told: ${results(request).join(" | ")}`);
}

/** Calls a tool once, then says what it was told. */
export function uses(name: string, input: object = {}): Script {
  return (request, turn) =>
    turn === 1 ? calls({ name, input }) : says(`Told: ${results(request).join(" | ")}`);
}

/** The results of tools at the end of a request. */
function results({ messages }: ModelRequest): string[] {
  return (messages.at(-1)?.parts ?? []).flatMap(({ content }) =>
    content.case === "toolResult" ? [content.value.output] : [],
  );
}

/** The copied events of each child session, in order, by its id. */
export function copies(events: readonly Event[]): Map<string, Event[]> {
  const found = new Map<string, Event[]>();
  for (const { body } of events) {
    if (body.case !== "childEvent" || !body.value.event) continue;
    const { event } = body.value;
    found.set(event.sessionId, [...(found.get(event.sessionId) ?? []), event]);
  }
  return found;
}

export const rule = (effect: RuleEffect, tool: string, pattern = ""): Rule =>
  create(RuleSchema, { effect, tool, pattern });
export const deny = (tool: string, pattern = ""): Rule => rule(RuleEffect.DENY, tool, pattern);
