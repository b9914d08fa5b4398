import { ErrorReason } from "../../gen/agentry/v1/error_pb.js";
import type { Event } from "../../gen/agentry/v1/event_pb.js";
import type { Clients } from "./client.js";

/** Tells how to store a key, where a run has failed because its provider has none. */
export class KeyAdvice {
  #provider = "";
  #isRefused = false;

  constructor(
    private readonly providers: Pick<Clients["providers"], "listProviders">,
    private readonly url: string,
  ) {}

  /** Takes note of an event of the run. */
  see({ body }: Event): void {
    if (body.case === "runStarted" || body.case === "stepStarted")
      this.#provider = body.value.model.split("/", 1)[0] ?? "";
    if (body.case === "runFinished") this.#isRefused = body.value.failure?.reason === ErrorReason.INVALID;
  }

  /** What to type, with its line ends; empty where a key is not what is missing. */
  async text(): Promise<string> {
    // It comes from a server and is meant for a shell.
    if (!this.#isRefused || !/^[a-z0-9][a-z0-9-]*$/.test(this.#provider)) return "";
    // A server that has gone meanwhile is no reason to say something else of the run.
    const { providers } = await this.providers.listProviders({}).catch(() => ({ providers: [] }));
    const provider = providers.find(({ id }) => id === this.#provider);
    if (!provider?.keyRequired || provider.credential) return "";
    const path = `${this.url.replace(/\/+$/, "")}/v1/providers/${provider.id}/credential`;
    return `  curl -X PUT ${path} \\\n    -H 'content-type: application/json' -d '{"api_key":"..."}'\n`;
  }
}
