import { createAgentService } from "./agents.js";
import { createAuthRoutes } from "./auth.js";
import { createFleetService } from "./fleets.js";
import { createMessageRoutes } from "./messages.js";
import type { WingmanParts } from "./parts.js";
import { createProviderRoutes } from "./providers.js";
import { createSessionRoutes } from "./sessions.js";
import { Turns } from "./turns.js";

/** The services of wingman.v1, each under its name, over the canonical ones. */
export function createWingmanServices(parts: WingmanParts) {
  const turns = new Turns();
  return {
    agents: createAgentService(parts),
    sessions: { ...createSessionRoutes(parts, turns), ...createMessageRoutes(parts, turns) },
    providers: { ...createProviderRoutes(parts), ...createAuthRoutes(parts) },
    fleets: createFleetService(parts),
  };
}
