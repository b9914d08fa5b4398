import type { Redactor } from "../../core/secrets.js";
import { scrubKey } from "../scrub.js";
import type { CallContext, ModelFetch, Transport } from "../transport.js";
import type { Interaction } from "./cassette-file.js";
import { writeCassette } from "./cassette-file.js";

/** Most bytes of an answer that is recorded. */
const largestBody = 32 * 1024 * 1024;

/** How a recorder is set up. */
export interface RecorderOptions {
  /** Name of the file, with or without `.yaml`. It is replaced. */
  readonly file: string;
  /** The way to the providers. */
  readonly transport: Transport;
  readonly redactor: Redactor;
  /** Told when the file could not be written. */
  readonly onError: (error: unknown) => void;
}

interface Started {
  readonly id: number;
  readonly method: string;
  readonly url: string;
  readonly requestBody: string;
  readonly purpose: CallContext["purpose"];
  /** Takes secrets out of a text. */
  readonly clean: (text: string) => string;
}

/**
 * Records what passes through a transport. Exchanges are numbered as their requests started, and the file is
 * written anew each time that one has ended; one that broke off is left out. No header is kept, and known
 * secrets are taken out of addresses and bodies. Throws when the file cannot be written at the start.
 */
export async function openRecorder(options: RecorderOptions): Promise<Transport> {
  const { file, transport, redactor, onError } = options;
  const kept: Interaction[] = [];
  await writeCassette(file, kept);
  let nextId = 0;
  let writing: Promise<void> = Promise.resolve();
  const keep = (interaction: Interaction) => {
    kept.push(interaction);
    kept.sort((a, b) => a.id - b.id);
    writing = writing.then(() => writeCassette(file, kept)).catch(onError);
  };
  const open = (context: CallContext): ModelFetch => {
    const fetch = transport.open(context);
    return async (input, init = {}) => {
      const key = keyIn(init.headers);
      const clean = (text: string) => scrubKey(redactor.redact(text), key);
      const started: Started = {
        id: nextId,
        method: init.method ?? "GET",
        url: cleanUrl(input instanceof Request ? input.url : input, clean),
        requestBody: clean(typeof init.body === "string" ? init.body : ""),
        purpose: context.purpose,
        clean,
      };
      nextId += 1;
      return capture(await fetch(input, init), started, keep);
    };
  };
  return {
    live: transport.live,
    idleTimeoutMs: transport.idleTimeoutMs,
    open,
    async close() {
      await transport.close();
      await writing;
    },
  };
}

/** Passes an answer on, and keeps the exchange once it has ended. */
function capture(response: Response, started: Started, keep: (interaction: Interaction) => void): Response {
  const { clean, ...request } = started;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const finish = () => {
    if (size > largestBody) return;
    const responseBody = clean(Buffer.concat(chunks).toString("utf8"));
    keep({ ...request, status: response.status, responseBody });
  };
  if (!response.body) {
    finish();
    return response;
  }
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.length;
      if (size <= largestBody) chunks.push(chunk);
      controller.enqueue(chunk);
    },
    flush: finish,
  });
  return new Response(response.body.pipeThrough(watch), {
    status: response.status,
    headers: response.headers,
  });
}

function keyIn(headers: RequestInit["headers"]): string {
  const all = new Headers(headers);
  return all.get("x-api-key") ?? (all.get("authorization") ?? "").replace(/^Bearer /i, "");
}

function cleanUrl(input: string | URL, clean: (text: string) => string): string {
  const url = new URL(input);
  for (const name of ["key", "api_key", "api-key", "token"]) url.searchParams.delete(name);
  return clean(url.href);
}
