import type { Client } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AgentService } from "../../gen/agentry/v1/agents_pb.js";
import { ProviderService } from "../../gen/agentry/v1/providers_pb.js";
import { RunService } from "../../gen/agentry/v1/run_pb.js";
import { SessionService } from "../../gen/agentry/v1/sessions_pb.js";

/** Generated clients of one server. */
export interface Clients {
  readonly agents: Client<typeof AgentService>;
  readonly sessions: Client<typeof SessionService>;
  readonly runs: Client<typeof RunService>;
  readonly providers: Client<typeof ProviderService>;
}

/** Clients that speak Connect to the server at `url`, with a bearer token where one is given. */
export function connectTo(url: string, token: string | undefined): Clients {
  const transport = createConnectTransport({
    baseUrl: url,
    httpVersion: "1.1",
    useBinaryFormat: true,
    interceptors: [
      (next) => (request) => {
        if (token) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return {
    agents: createClient(AgentService, transport),
    sessions: createClient(SessionService, transport),
    runs: createClient(RunService, transport),
    providers: createClient(ProviderService, transport),
  };
}
