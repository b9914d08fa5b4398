import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { ModelProviders } from "../../core/model-provider.js";
import type { Store } from "../../core/store.js";
import type { createProviderService } from "../../services/providers.js";
import type { createRunService } from "../../services/run.js";
import type { createSessionService } from "../../services/sessions.js";

/** What the adapter stands on. */
export interface WingmanParts {
  readonly store: Store;
  readonly sessions: ReturnType<typeof createSessionService>;
  readonly runs: ReturnType<typeof createRunService>;
  readonly providers: ReturnType<typeof createProviderService>;
  /** Tells whether a provider is ready to be called. */
  readonly models: ModelProviders;
  /** Names of the tools that there are. */
  readonly toolNames: ReadonlySet<string>;
  stamp(): Timestamp;
}
