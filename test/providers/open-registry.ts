import { create } from "@bufbuild/protobuf";
import type { Message } from "../../gen/agentry/v1/message_pb.js";
import { MessageSchema, Purpose, Role } from "../../gen/agentry/v1/message_pb.js";
import type { ModelEvent, ModelRequest } from "../../src/core/model-provider.js";
import { createRedactor } from "../../src/core/redactor.js";
import type { OpenSecret } from "../../src/core/secrets.js";
import type { CredentialRow } from "../../src/core/store.js";
import { createTransport } from "../../src/providers/http-transport.js";
import type { ProviderRegistry } from "../../src/providers/registry.js";
import { createProviderRegistry } from "../../src/providers/registry.js";
import type { Transport } from "../../src/providers/transport.js";

export const canary = "sk-canary-AbCdEf0123456789-zyxw";

export interface RegistrySettings {
  readonly secrets?: Readonly<Record<string, Partial<OpenSecret> & { origin: string }>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly envKeys?: boolean;
  readonly transport?: Transport;
  readonly idleTimeoutMs?: number;
  readonly now?: number;
}

/** A registry with stored secrets that are given as they are. */
export function openRegistry(settings: RegistrySettings = {}): ProviderRegistry {
  const secrets = settings.secrets ?? {};
  const redactor = createRedactor();
  for (const { key } of Object.values(secrets)) if (key) redactor.add(key);
  const row = (providerId: string): CredentialRow | undefined => {
    const secret = secrets[providerId];
    if (!secret) return undefined;
    return {
      providerId,
      baseUrl: secret.baseUrl ?? "",
      origin: secret.origin,
      keyId: "k",
      nonce: new Uint8Array(),
      ciphertext: new Uint8Array(),
      tag: new Uint8Array(),
      last4: "",
      updatedAt: 0,
    };
  };
  return createProviderRegistry({
    secrets: {
      open: async (id) => {
        const secret = secrets[id];
        return secret && { key: canary, baseUrl: "", ...secret };
      },
    },
    credentials: {
      get: async (id) => row(id),
      list: async () => Object.keys(secrets).flatMap((id) => row(id) ?? []),
    },
    transport: settings.transport ?? createTransport({ idleTimeoutMs: settings.idleTimeoutMs }),
    environment: settings.environment ?? {},
    envKeys: settings.envKeys ?? false,
    redactor,
    clock: { now: () => settings.now ?? Date.now() },
  });
}

/** A message of one text. */
export function textMessage(role: Role, text: string): Message {
  return create(MessageSchema, { role, parts: [{ content: { case: "text", value: text } }] });
}

export function modelRequest(given: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: "some-model",
    system: "You are helpful.",
    messages: [textMessage(Role.USER, "What's 2+2?")],
    tools: [],
    baseUrl: "",
    purpose: Purpose.STEP,
    sessionId: "session-1",
    ...given,
  };
}

/** Everything a call yields, and what it throws. */
export async function collect(
  events: AsyncIterable<ModelEvent>,
): Promise<{ events: ModelEvent[]; error: unknown }> {
  const all: ModelEvent[] = [];
  try {
    for await (const event of events) all.push(event);
    return { events: all, error: undefined };
  } catch (error) {
    return { events: all, error };
  }
}

/** The names of events, deltas left out. */
export function shape(events: readonly ModelEvent[]): string[] {
  return events.filter(({ type }) => !type.endsWith("_delta")).map(({ type }) => type);
}

/** The text of an answer. */
export function answerText(events: readonly ModelEvent[]): string {
  return events.map((event) => (event.type === "text_finished" ? event.text : "")).join("");
}
